"""How classifiers are timed; never how long anything took."""

from fewshot._parallel import available_processors
from fewshot.benchmark.timing import threads_to_try, time_round
from fewshot.images.source import ImageSource


def test_every_task_classifies_the_same_images_on_each_number_of_threads() -> None:
    asked: list[str] = []

    def first(image: ImageSource) -> None:
        asked.append("first")

    def second(image: ImageSource) -> None:
        asked.append("second")

    seconds = time_round([first, second])
    assert seconds.shape == (2, len(threads_to_try())) and (seconds > 0).all()
    assert asked.count("first") == asked.count("second") == 4 * sum(threads_to_try())
    assert asked[:8] == ["first"] * 4 + ["second"] * 4


def test_threads_are_powers_of_two_and_as_many_as_processors() -> None:
    threads = threads_to_try()
    assert threads[-1] == available_processors()
    assert threads[:-1] == [2**n for n in range(len(threads) - 1)]
