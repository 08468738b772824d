"""The one place that speaks with ANTs: bias field and registration.

Everything else of this package works on numpy arrays. ANTs counts its threads once per process,
when it first works, so the number is set before it is imported.

References
----------
Avants BB et al. (2011). A reproducible evaluation of ANTs similarity metric performance in brain
image registration. NeuroImage 54:2033-2044.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from ect_assets.problems import StudyError
from ect_assets.science.morphometry.volumetric.settings import ImageError, VolumetricSettings
from ect_assets.science.morphometry.volumetric.space import (
    Array,
    Mask,
    Matrix,
    Volume,
    transform_points,
)

THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's world has x to the left and y backward."""


def ants_version() -> str:
    """Return the version of ANTs' Python package.

    Raises
    ------
    StudyError
        When it is not installed.
    """
    try:
        return version("antspyx")
    except PackageNotFoundError as error:
        raise StudyError(
            "Volumes from images need the package antspyx, which is not installed. "
            "Install it (`pip install -e '.[volumetric]'` in the folder of ECT Assets), or set "
            'source = "freesurfer" under [morphometry] in study.toml.'
        ) from error


def _ants(threads: int) -> Any:
    ants_version()
    if "ants" in sys.modules and os.environ.get(THREADS) != str(threads):
        raise StudyError(
            f"ANTs already works with {os.environ.get(THREADS, 'all')} threads in this process and "
            f"cannot change to {threads}. Measure with {threads} threads in a process of its own."
        )
    os.environ[THREADS] = str(threads)
    import ants

    return ants


@dataclass(frozen=True)
class Step:
    """One step of a registration.

    Parameters
    ----------
    transform : str
        As ANTs writes it, for example ``Affine[0.1]``.
    metric : str
        ``mattes`` (mutual information, 32 bins) or ``cc`` (correlation within 2 voxels).
    iterations, shrink, smoothing : tuple of int
        Per level, coarse to fine; smoothing in voxels.
    sampling : float
        Share of the voxels on which mutual information is computed, on a regular lattice.
    """

    transform: str
    metric: str
    iterations: tuple[int, ...]
    shrink: tuple[int, ...]
    smoothing: tuple[int, ...]
    sampling: float = 1.0


class Itk:
    """ANTs with the settings of a study."""

    def __init__(self, settings: VolumetricSettings):
        self.settings = settings
        self._ants = _ants(settings.threads)

    def without_bias(self, image: Volume, mask: Mask, spacing_mm: float = 160.0) -> Volume:
        """Divide an image by its slowly varying bias field.

        Parameters
        ----------
        mask : (x, y, z) array of bool
            Where the field is estimated.
        spacing_mm : float
            Distance of the knots of the spline at the coarsest level.

        References
        ----------
        Tustison NJ et al. (2010). N4ITK: improved N3 bias correction. IEEE Trans Med Imaging
        29:1310-1320.
        """
        shrink = max(1, round(4.5 / float(image.grid.voxel_mm.mean())))
        found = self._ants.n4_bias_field_correction(
            self._to_ants(image.values, image.affine),
            mask=self._to_ants(mask, image.affine),
            shrink_factor=shrink,
            convergence={"iters": [20, 15, 10], "tol": 1e-4},
            spline_param=spacing_mm,
        )
        return Volume(found.numpy().astype(np.float32), image.affine)

    def register(
        self,
        fixed: Volume,
        moving: Volume,
        initial: Matrix,
        steps: list[Step],
        fixed_mask: Mask | None = None,
    ) -> Registration:
        """Find where each point of an image lies in another one.

        Parameters
        ----------
        initial : (4, 4) array
            Millimetres of fixed -> millimetres of moving, to start from.
        fixed_mask : (x, y, z) array of bool, optional
            Voxels of fixed that count.

        Raises
        ------
        ImageError
            When ANTs gives up.
        """
        ants = self._ants
        images = [self._to_ants(image.values, image.affine) for image in (fixed, moving)]
        # Masks must be of 8 bits here: ANTs reads their memory as such without asking.
        mask = None if fixed_mask is None else self._to_ants(fixed_mask, fixed.affine, np.uint8)
        with tempfile.TemporaryDirectory(prefix="ect_") as folder:
            start = str(Path(folder) / "start.mat")
            ants.write_transform(self._affine_transform(initial), start)
            prefix = str(Path(folder) / "found_")
            pointers = [ants.internal.get_pointer_string(image) for image in images]
            mask_pointer = "NA" if mask is None else ants.internal.get_pointer_string(mask)
            call = ["-d", "3", "-r", start, "-z", "1", "--float", "1", "-u", "0"]
            call += ["--random-seed", str(self.settings.seed), "-o", prefix]
            for step in steps:
                call += [*self._step(step, pointers), "-x", f"[{mask_pointer},NA]"]
            try:
                ants.registration(call, None)
            except RuntimeError as error:
                raise ImageError(
                    "registration_failed",
                    f"The registration stopped ({error}). Look at the image: is it a whole head?",
                ) from error
            return self._collected(Path(folder))

    @staticmethod
    def _step(step: Step, pointers: list[str]) -> list[str]:
        fixed, moving = pointers
        metric = (
            f"mattes[{fixed},{moving},1,32,regular,{step.sampling}]"
            if step.metric == "mattes"
            else f"CC[{fixed},{moving},1,2]"
        )
        levels = ["x".join(map(str, level)) for level in (step.iterations, step.shrink)]
        smoothing = "x".join(map(str, step.smoothing))
        return [
            *("--metric", metric, "--transform", step.transform),
            *("--convergence", f"[{levels[0]},1e-6,8]"),
            *("--smoothing-sigmas", smoothing, "--shrink-factors", levels[1]),
        ]

    def _collected(self, folder: Path) -> Registration:
        matrix_file = folder / "found_0GenericAffine.mat"
        matrix = self._matrix(self._ants.read_transform(str(matrix_file)))
        warp_file = folder / "found_1Warp.nii.gz"
        if not warp_file.is_file():
            return Registration(matrix, None)
        image = self._ants.image_read(str(warp_file))
        affine = np.eye(4)
        affine[:3, :3] = np.asarray(image.direction) * np.asarray(image.spacing)
        affine[:3, 3] = image.origin
        # ITK's displacements run along its own axes, x to the left and y backward.
        values = image.numpy().astype(np.float32) * np.array([-1, -1, 1], dtype=np.float32)
        shifts = [np.ascontiguousarray(values[..., axis]) for axis in range(3)]
        return Registration(matrix, [Volume(shift, LPS @ affine) for shift in shifts])

    def _affine_transform(self, matrix: Matrix) -> Any:
        turned = LPS @ matrix @ LPS
        return self._ants.create_ants_transform(
            transform_type="AffineTransform",
            precision="double",
            dimension=3,
            matrix=turned[:3, :3],
            translation=turned[:3, 3],
        )

    @staticmethod
    def _matrix(transform: Any) -> Matrix:
        numbers = np.asarray(transform.parameters, dtype=np.float64)
        centre = np.asarray(transform.fixed_parameters, dtype=np.float64)
        matrix = np.eye(4)
        matrix[:3, :3] = numbers[:9].reshape(3, 3)
        matrix[:3, 3] = numbers[9:] + centre - matrix[:3, :3] @ centre
        return LPS @ matrix @ LPS

    def _to_ants(self, values: np.ndarray, affine: Matrix, kind: type = np.float32) -> Any:
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        place = LPS @ affine
        return self._ants.from_numpy(
            np.asarray(values, dtype=kind),
            origin=place[:3, 3].tolist(),
            spacing=spacing.tolist(),
            direction=place[:3, :3] / spacing,
        )


@dataclass(frozen=True)
class Registration:
    """Where the points of the fixed image lie in the moving one.

    Parameters
    ----------
    matrix : (4, 4) array
        Millimetres of fixed -> millimetres of moving, applied last.
    shifts : list of three Volumes, or None
        Displacement in millimetres along x, y and z of the fixed image, applied first.
    """

    matrix: Matrix
    shifts: list[Volume] | None

    def coordinates_mm(self, mask: Mask, affine: Matrix) -> Array:
        """Give the place in the moving image of each voxel of a mask, (n, 3) in millimetres."""
        points = transform_points(affine, np.argwhere(mask).astype(np.float64))
        if self.shifts is not None:
            index = np.linalg.inv(self.shifts[0].affine)
            places = transform_points(index, points).T
            moved = [
                ndimage.map_coordinates(shift.values, places, order=1, mode="nearest")
                for shift in self.shifts
            ]
            points = points + np.stack(moved, axis=1)
        return transform_points(self.matrix, points)
