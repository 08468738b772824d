"""What abagen is asked in the comparison with plain abagen; runs in any environment that has it.

    python abagen_variants.py DONORS ATLAS INFO OUT.npz [BRIDGE.py]

Without a bridge it needs an environment in which abagen 0.1.3 runs as published: Python 3.11 with
`PLAIN_ENVIRONMENT`. The small simulated donors, the HCP-MMP volume of the left hemisphere.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings

import numpy as np

PLAIN_ENVIRONMENT = (
    "abagen==0.1.3",
    "pandas==1.5.3",
    "numpy==1.26.4",
    "scipy==1.11.4",
    "nibabel==5.2.1",
    "setuptools==68.2.2",
)
PANDAS_2_ENVIRONMENT = ("abagen==0.1.3", "pandas==2.3.3", "numpy==2.4.*", "scipy", "nibabel")
ALL_DONORS = ("9861", "10021", "12876", "14380", "15496", "15697")
VARIANTS = {
    "default": {},
    "centroids": {"missing": "centroids"},
    "interpolate": {"missing": "interpolate"},
    "mirrored": {"lr_mirror": "bidirectional"},
    "samples": {"region_agg": "samples"},
    "median": {"agg_metric": "median"},
    "structures": {"norm_structures": True, "norm_matched": False},
    "z_scores": {"sample_norm": "zscore", "gene_norm": "zscore"},
    "no_norm": {"sample_norm": None, "gene_norm": None},
    "average": {"probe_selection": "average"},
    "max_intensity": {"probe_selection": "max_intensity"},
    "max_variance": {"probe_selection": "max_variance", "donor_probes": "common"},
    "pc_loading": {"probe_selection": "pc_loading"},
    "corr_intensity": {"probe_selection": "corr_intensity", "donor_probes": "independent"},
    "corr_variance": {"probe_selection": "corr_variance"},
    "similar_samples": {"sim_threshold": 2},
    "exact": {"tolerance": 0, "corrected_mni": False},
    "two_donors": {"donors": ["9861", "10021"]},
}


def compared(expression):
    """Return what is compared: every sixth gene, in alphabetical order."""
    genes = sorted({str(gene) for gene in expression.columns})[::6]
    return expression.loc[:, genes].to_numpy(float)


def main(donors, atlas, info, out, bridge=None):
    """Run every variant and keep the matrices."""
    if bridge is None:
        abagen = importlib.import_module("abagen")
    else:
        spec = importlib.util.spec_from_file_location("bridge", bridge)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        abagen = module.load_abagen()
    warnings.simplefilter("ignore")
    matrices = {
        name: compared(
            abagen.get_expression_data(
                atlas,
                info,
                data_dir=donors,
                reannotated=False,
                verbose=0,
                **{"donors": "all", **options},
            )
        )
        for name, options in VARIANTS.items()
    }
    np.savez_compressed(out, **matrices)


if __name__ == "__main__":
    main(*sys.argv[1:])
