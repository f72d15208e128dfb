"""Parameters of an estimator as scikit-learn handles them, without importing it."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

from fewshot.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from fewshot.images.source import ImageSource


class Estimator:
    """The parameters of a class whose constructor only stores its arguments."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, and theirs as ``embedder__views`` if `deep`."""
        params = {name: getattr(self, name) for name in signature(type(self)).parameters}
        if deep:
            for name, value in list(params.items()):
                if hasattr(value, "get_params") and not isinstance(value, type):
                    params |= {f"{name}__{k}": v for k, v in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor; they count when it is fitted again."""
        inner: dict[str, dict[str, Any]] = {}
        known = self.get_params(deep=False)
        for key, value in params.items():
            name, _, rest = key.partition("__")
            if name not in known:
                raise UsageError(f"{name}: no such parameter; expected {', '.join(known)}")
            if rest:
                inner.setdefault(name, {})[rest] = value
            else:
                setattr(self, name, value)
        for name, more in inner.items():  # the old one may be in use elsewhere
            setattr(self, name, _with_params(name, getattr(self, name), more))
        return self

    def __repr__(self) -> str:
        defaults = {name: each.default for name, each in signature(type(self)).parameters.items()}
        chosen = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if value is not defaults[name] and value != defaults[name]
        ]
        return f"{type(self).__name__}({', '.join(chosen)})"


class Transformer(Estimator):
    """A transformer of scikit-learn, to be put in front of any estimator in a ``Pipeline``."""

    if TYPE_CHECKING:

        def embed(self, images: Iterable[ImageSource]) -> NDArray[np.float32]: ...

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Do nothing: the backbone is frozen."""
        return self

    def transform(self, X: Iterable[ImageSource]) -> NDArray[np.float32]:
        """Embed images; the same as `embed`."""
        return self.embed(X)

    def fit_transform(self, X: Iterable[ImageSource], y: Any = None) -> NDArray[np.float32]:
        """Embed images; the same as `embed`."""
        return self.embed(X)

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so it is imported already.
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=False),
            requires_fit=False,
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _with_params(name: str, value: Any, more: Mapping[str, Any]) -> Any:
    """Make an object like another one with some of its parameters changed."""
    params = value.get_params(deep=False) if hasattr(value, "get_params") else {}
    if unknown := more.keys() - params.keys():
        raise UsageError(
            f"{name}__{min(unknown)}: {name} is {value!r}, which has no such parameter"
        )
    return type(value)(**{**params, **more})
