"""Not run, but checked by mypy: what is asked of an answer, and what the constructors refuse."""

from sklearn.base import clone

from fewshot import Embedder, FewShotClassifier, load_classifier


def ask(classifier: FewShotClassifier) -> str:
    answer = classifier.classify("new.jpg")
    for neighbour in answer.evidence.nearest:
        print(neighbour.image, neighbour.similarity * 2)
    labels = classifier.predict(["new.jpg"]).tolist()
    copy: FewShotClassifier = clone(classifier).set_params(head="logistic")
    return f"{answer.label} {labels} {copy.classes_.tolist()}"


def choose() -> None:
    FewShotClassifier("logistic", embedder=Embedder(views=3)).fit("data/").save("models/")
    FewShotClassifier("svm")  # type: ignore[arg-type]
    FewShotClassifier(crop="nose")  # type: ignore[arg-type]
    Embedder(no_face="ignore")  # type: ignore[arg-type]
    print(load_classifier("models/").classify(b"...").evidence.other)
