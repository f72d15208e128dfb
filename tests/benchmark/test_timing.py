from fewshot._parallel import available_processors
from fewshot.benchmark.timing import Timing, threads_to_try
from fewshot.images.source import ImageSource


def test_everything_is_asked_in_turn() -> None:
    asked: list[str] = []

    def first(image: ImageSource) -> None:
        asked.append("first")

    def second(image: ImageSource) -> None:
        asked.append("second")

    timing = Timing([first, second], [second], seconds=0)
    assert timing.rounds == 1 and asked[:6] == ["first", "second"] * 3
    assert list(timing.run()) == [1]
    assert asked[: len(asked) // 2] == asked[len(asked) // 2 :]  # what does not count, what does
    assert 0 <= timing.latency_ms(first) <= timing.latency_ms(first, 90)
    assert list(timing.images_per_second(second)) == threads_to_try()


def test_time_for_more_rounds_is_used_up_to_a_bound() -> None:
    timing = Timing([lambda image: None], [], seconds=1e6)
    assert list(timing.run()) == list(range(1, 61))


def test_threads_end_with_as_many_as_there_are_processors() -> None:
    assert threads_to_try()[0] == 1 and threads_to_try()[-1] == available_processors()
