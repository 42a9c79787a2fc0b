"""Soils by texture against the table of Saxton and Rawls 2006."""

import pytest

from server.soil.texture import CLASSES, Texture, class_of, conductivity_mm_h, limits_of

# Class, then for 2.5 % organic matter: wilting point, field capacity, saturation, conductivity;
# and the first three for 0.5 %, as deserts have it.
TABLE = [
    ("sand", (0.050, 0.103, 0.462, 108.1), (0.028, 0.074, 0.417)),
    ("loamy sand", (0.051, 0.120, 0.460, 96.7), (0.030, 0.091, 0.411)),
    ("sandy loam", (0.081, 0.179, 0.450, 50.3), (0.063, 0.151, 0.397)),
    ("loam", (0.137, 0.280, 0.459, 15.5), (0.125, 0.258, 0.407)),
    ("silt loam", (0.110, 0.305, 0.479, 16.1), (0.098, 0.282, 0.409)),
    ("silt", (0.057, 0.305, 0.479, 22.0), (0.044, 0.276, 0.389)),
    ("sandy clay loam", (0.166, 0.267, 0.434, 11.3), (0.153, 0.246, 0.399)),
    ("clay loam", (0.218, 0.358, 0.477, 4.3), (0.211, 0.348, 0.444)),
    ("silty clay loam", (0.215, 0.382, 0.511, 5.7), (0.211, 0.375, 0.469)),
    ("silty clay", (0.268, 0.409, 0.523, 3.7), (0.266, 0.411, 0.499)),
    ("sandy clay", (0.249, 0.361, 0.444, 1.4), (0.241, 0.351, 0.427)),
    ("clay", (0.298, 0.421, 0.498, 1.1), (0.296, 0.424, 0.489)),
]


def limits(name, organic_percent):
    found = limits_of(Texture(*CLASSES[name], organic_percent))
    return found.wilting_point, found.field_capacity, found.saturation


@pytest.mark.parametrize(("name", "fertile", "desert"), TABLE)
def test_a_class_holds_what_the_table_says(name, fertile, desert):
    flow = conductivity_mm_h(Texture(*CLASSES[name], 2.5))

    assert limits(name, 2.5) == pytest.approx(fertile[:3], abs=0.0005)
    assert limits(name, 0.5) == pytest.approx(desert, abs=0.0005)
    assert flow == pytest.approx(fertile[3], abs=0.06)


def test_the_table_is_of_all_classes():
    assert [name for name, *_ in TABLE] == list(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_named_by_its_middle(name):
    assert class_of(*CLASSES[name]) == name


@pytest.mark.parametrize(
    ("sand", "clay", "name"),
    [
        (1.0, 0.0, "sand"),
        (0.86, 0.09, "loamy sand"),
        (0.70, 0.15, "sandy loam"),
        (0.50, 0.05, "sandy loam"),
        (0.50, 0.15, "loam"),
        (0.15, 0.25, "silt loam"),
        (0.05, 0.12, "silt loam"),
        (0.05, 0.05, "silt"),
        (0.45, 0.34, "clay loam"),
        (0.55, 0.34, "sandy clay loam"),
        (0.20, 0.30, "silty clay loam"),
        (0.21, 0.30, "clay loam"),
        (0.46, 0.40, "sandy clay"),
        (0.05, 0.54, "silty clay"),
        (0.0, 1.0, "clay"),
    ],
)
def test_the_triangle_is_that_of_the_usda(sand, clay, name):
    assert class_of(sand, clay) == name
