import numpy as np

from holdfast.core.random import derive_seed, generator


def test_a_seed_depends_on_the_seed_and_every_name():
    seeds = {
        derive_seed(0),
        derive_seed(1),
        derive_seed(0, "clicks"),
        derive_seed(0, "returns"),
        derive_seed(0, "clicks", 1),
        derive_seed(0, 1, "clicks"),
    }
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_is_the_same_in_every_process_and_version():
    # Python's own hash() would differ from process to process. blake2b("0/clicks"), first eight bytes.
    assert derive_seed(0, "clicks") == int.from_bytes(bytes.fromhex("8e996cc1ca19c38d"), "big") >> 1


def test_streams_repeat_and_do_not_depend_on_who_else_draws():
    first = generator(7, "a").random(5)
    generator(7, "b").random(100)
    np.testing.assert_array_equal(generator(7, "a").random(5), first)


def test_streams_of_different_names_are_unrelated():
    one, other = generator(0, "a").normal(size=20_000), generator(0, "b").normal(size=20_000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(20_000)
