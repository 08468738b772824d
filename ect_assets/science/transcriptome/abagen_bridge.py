"""Imports abagen 0.1.3 so that it runs on today's pandas and numpy.

abagen is not forked: while it is imported, the few lines of its source that newer libraries no
longer understand are rewritten in memory; pandas and numpy themselves are left alone. Each
rewrite says how often it must match, so that another source fails loudly instead of being changed
wrongly. Any other version of abagen is imported as it is: a fixed one needs no bridge. What
abagen is asked to do is in `abagen_run`. Only the standard library is used here.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, NamedTuple

BRIDGED_VERSION = "0.1.3"
BRIDGE_VERSION = 2
"""Raise it when a rewrite changes; results are cached under it."""


class Rewrite(NamedTuple):
    """Old source, new source, and how often the old one must be there."""

    old: str
    new: str
    times: int = 1


# setuptools 82 has no pkg_resources, and a new virtual environment no setuptools at all.
RESOURCES = Rewrite(
    "from pkg_resources import resource_filename",
    "from importlib.resources import files as _files\n"
    "def resource_filename(package, name): return str(_files(package).joinpath(name))",
)
REWRITES: dict[str, tuple[Rewrite, ...]] = {
    "abagen.probes_": (
        RESOURCES,
        # pandas 3 has no groupby over columns.
        Rewrite(".groupby(sid, axis=1).mean()", ".T.groupby(sid).mean().T"),
        # pandas 2 has no set_axis(inplace=).
        Rewrite("set_axis(symbols, axis=1, inplace=False)", "set_axis(symbols, axis=1)"),
        # The best probe of each gene in one pass; a function called gene by gene takes seconds.
        Rewrite(
            "info.groupby('gene_symbol').apply(applyfunc).dropna().squeeze()",
            "(info.groupby('gene_symbol')[applyfunc.keywords['column']].idxmax()"
            " if getattr(applyfunc, 'func', None) is _max_idx and 'column' in applyfunc.keywords"
            " else info.groupby('gene_symbol').apply(applyfunc)).dropna().squeeze()",
        ),
    ),
    "abagen.samples_": (
        RESOURCES,
        # pandas 2 has no DataFrame.append; rows are added by index, since concatenating an empty
        # frame would make every column an object column on pandas 3.
        Rewrite(
            ".append(labels)",
            ".pipe(lambda means: means if labels is None"
            " else means.reindex(means.index.append(labels.index)))",
        ),
        # So only the index of that frame counts; one empty column a gene takes a second a donor.
        Rewrite("labels = pd.DataFrame(columns=microarray.columns,", "labels = pd.DataFrame("),
        # A function of numpy is called group by group on pandas 3, which takes minutes a donor.
        Rewrite(
            ".aggregate(metric)",
            ".aggregate({np.mean: 'mean', np.median: 'median'}.get(metric, metric))",
            2,
        ),
    ),
    "abagen.utils": (
        # nibabel 5 words its error in another way, by which images in memory were recognised.
        Rewrite(
            "not str(err) == 'stat: path should be string, bytes, os.'\n"
            "                                  'PathLike or integer, not GiftiImage'",
            "not isinstance(img, nib.GiftiImage)",
        ),
        Rewrite("info = info.append(\n", "info = pd.concat(([info] if len(info) else []) + [\n"),
        Rewrite("), ignore_index=True\n", ")], ignore_index=True\n"),
    ),
    "abagen.allen": (
        Rewrite("microarray[subj].append(exp)", "pd.concat([microarray[subj], exp])", 2),
        Rewrite("labels.append(lab)", "pd.concat([labels, lab])"),
        Rewrite(
            "exp.append(pd.DataFrame(index=empty[~mask]))",
            "exp.reindex(exp.index.append(pd.Index(empty[~mask])))",
        ),
    ),
    "abagen.matching": (
        # numpy 2.4 takes an array of one element for no scalar.
        Rewrite(
            "return labels[closest_centroid(coords, centroids)]",
            "return labels[closest_centroid(coords, centroids)][0]",
        ),
        Rewrite("np.row_stack", "np.vstack"),
    ),
    "abagen.images": (Rewrite("np.row_stack", "np.vstack", 2),),
    "abagen.correct": (Rewrite("np.row_stack", "np.vstack", 2),),
    "abagen.surfaces": (Rewrite("np.row_stack", "np.vstack"),),
    "abagen.datasets.fetchers": (RESOURCES,),
    "abagen.mouse.io": (RESOURCES,),
}


def rewritten(module: str, source: str) -> str:
    """Rewrite the source of one of abagen's modules.

    Parameters
    ----------
    module : str
        Its full name, for example ``abagen.allen``.

    Raises
    ------
    ImportError
        When a line is not there as often as it must be.
    """
    for old, new, times in REWRITES[module]:
        found = source.count(old)
        if found != times:
            raise ImportError(
                f"{module} has {found} times {old!r}, expected {times}: this is not abagen "
                f"{BRIDGED_VERSION} as published. Install abagen again."
            )
        source = source.replace(old, new)
    return source


class _RewritingLoader(SourceFileLoader):
    def path_stats(self, path: Any) -> Any:
        # Without it Python would run the compiled file of the source as it was, or keep ours.
        raise OSError

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:  # type: ignore[override]
        return super().source_to_code(
            rewritten(self.name, bytes(data).decode("utf-8")).encode("utf-8"), path
        )


class _RewritingFinder:
    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        spec: ModuleSpec | None = PathFinder.find_spec(name, path) if name in REWRITES else None
        if spec is not None and spec.origin is not None:
            spec.loader = _RewritingLoader(name, spec.origin)
        return spec


def load_abagen() -> ModuleType:
    """Import abagen, bridged where it needs it.

    Returns
    -------
    module
        The package `abagen`.

    Raises
    ------
    ImportError
        When abagen was already imported without the bridge, or its source is not as published.
    """
    if importlib.metadata.version("abagen") != BRIDGED_VERSION:
        return importlib.import_module("abagen")
    known = sys.modules.get("abagen")
    if known is not None:
        if not hasattr(known, "bridged_by_ect_assets"):
            raise ImportError(
                "abagen was imported before the bridge. Import it through "
                "ect_assets.science.transcriptome.abagen_bridge.load_abagen instead."
            )
        return known
    finder: Any = _RewritingFinder
    sys.meta_path.insert(0, finder)
    try:
        package = importlib.import_module("abagen")
    except BaseException:
        for name in [one for one in sys.modules if one.split(".")[0] == "abagen"]:
            del sys.modules[name]
        raise
    finally:
        sys.meta_path.remove(finder)
    package.bridged_by_ect_assets = BRIDGE_VERSION  # type: ignore[attr-defined]
    return package
