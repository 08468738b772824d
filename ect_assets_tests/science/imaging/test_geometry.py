"""Where voxels lie: known and without contradiction, or refused with the fix."""

from __future__ import annotations

import io

import nibabel
import numpy as np
import pytest

from ect_assets.science.imaging.geometry import ImageFault, geometry_of
from ect_assets_tests.science.imaging.cases import LAS, REFUSED, SOUND
from ect_assets_tests.science.imaging.headers import SHAPE, SIZES, affine_of, image, turned


@pytest.mark.parametrize("case", REFUSED)
def test_a_header_that_cannot_be_right_is_refused_with_a_fix(case):
    content, reason, words = REFUSED[case]
    with pytest.raises(ImageFault, match=words) as raised:
        geometry_of(content()[:540])
    assert raised.value.reason == reason
    assert raised.value.fix.endswith(".")


@pytest.mark.parametrize("case", SOUND)
def test_a_header_that_is_odd_and_right_is_read_as_nibabel_reads_it(case):
    content = SOUND[case]()
    found = geometry_of(content[:540])
    expected = nibabel.Nifti1Image.from_stream(io.BytesIO(content))
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-5)
    assert found.orientation == "".join(nibabel.aff2axcodes(expected.affine))
    assert found.shape == expected.shape == SHAPE
    stored = np.frombuffer(content, found.dtype, found.n_voxels, found.offset)
    values = stored.reshape(SHAPE, order="F") * found.slope + found.inter
    np.testing.assert_array_equal(values, expected.get_fdata())


def test_the_sform_is_where_the_voxels_lie_when_both_are_set():
    tilted = affine_of(turn=turned(20))
    assert np.allclose(geometry_of(image(tilted, LAS)[:540]).affine, tilted, atol=1e-4)


def test_voxel_sizes_are_those_of_the_header():
    assert geometry_of(image(LAS, LAS)[:540]).voxel_sizes_mm == SIZES


@pytest.mark.parametrize("intent", [3006, 3007])
def test_a_cifti_file_in_the_place_of_a_volume_is_named(intent):
    header = nibabel.Nifti2Header()
    header.set_data_shape((1, 1, 1, 1, 2, 59412))
    header["intent_code"] = intent
    header["magic"] = b"n+2"
    with pytest.raises(ImageFault, match="CIFTI.*wb_command -cifti-separate"):
        geometry_of(header.binaryblock)


def test_half_of_a_pair_of_files_is_named():
    header = nibabel.Nifti1Header()
    header["magic"] = b"ni1"
    with pytest.raises(ImageFault, match="pair of files"):
        geometry_of(header.binaryblock + bytes(192))


@pytest.mark.parametrize("n_axes", [-3, 0, 8, 300])
def test_an_impossible_number_of_dimensions_is_refused(n_axes):
    with pytest.raises(ImageFault) as raised:
        geometry_of(image(LAS, LAS, dim=[n_axes, *SHAPE, 1, 1, 1, 1])[:540])
    assert raised.value.reason == "unreadable"


def test_a_header_with_any_bit_flipped_is_read_or_refused():
    sound = image(LAS, LAS)[:540]
    outcomes = {"read": 0, "refused": 0}
    for bit in range(0, 348 * 8, 5):
        content = bytearray(sound)
        content[bit // 8] ^= 1 << bit % 8
        try:
            found = geometry_of(bytes(content))
        except ImageFault as fault:
            outcomes["refused"] += 1
            assert fault.words and fault.fix
        else:
            outcomes["read"] += 1
            assert all(0.2 <= size <= 5 for size in found.voxel_sizes_mm)
            assert len(found.orientation) == 3
    assert min(outcomes.values()) > 30
