"""What every registry keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

from pathlib import Path

import pytest

from flyball.core.errors import NotFoundError
from flyball.ports.serving import Registry


class RegistrySuite:
    """Inherit, and give the fixtures `registry` (empty), `run_id` (a run it knows) and `bundle` (a folder with files, some in folders)."""

    def test_versions_count_from_one(self, registry: Registry, run_id: str, bundle: Path) -> None:
        assert registry.register("churn", run_id, bundle, identity="i1", tags={}) == 1
        assert registry.register("churn", run_id, bundle, identity="i2", tags={"cause": "drift"}) == 2
        assert registry.register("fraud", run_id, bundle, identity="i1", tags={}) == 1

    def test_the_same_identity_gives_the_same_version_again(self, registry: Registry, run_id: str, bundle: Path) -> None:
        registry.register("churn", run_id, bundle, identity="i1", tags={})
        registry.register("churn", run_id, bundle, identity="i2", tags={})
        assert registry.register("churn", run_id, bundle, identity="i1", tags={}) == 1
        assert registry.register("churn", run_id, bundle, identity="i3", tags={}) == 3

    def test_a_version_is_led_back_to_its_run_by_its_identity(self, registry: Registry, run_id: str, bundle: Path) -> None:
        assert registry.run_of("churn", "i1") == ""
        registry.register("churn", run_id, bundle, identity="i1", tags={})
        assert registry.run_of("churn", "i1") == run_id
        assert registry.run_of("churn", "i2") == registry.run_of("fraud", "i1") == ""

    def test_a_model_without_aliases_has_none(self, registry: Registry, run_id: str, bundle: Path) -> None:
        assert registry.aliases("unheard of") == {}
        registry.register("churn", run_id, bundle, identity="i1", tags={})
        assert registry.aliases("churn") == {}

    def test_an_alias_points_where_it_was_set_last_until_it_is_removed(self, registry: Registry, run_id: str, bundle: Path) -> None:
        for identity in ("i1", "i2"):
            registry.register("churn", run_id, bundle, identity=identity, tags={})
        registry.set_alias("churn", "champion", 1)
        registry.set_alias("churn", "previous", 1)
        registry.set_alias("churn", "champion", 2)
        assert registry.aliases("churn") == {"champion": 2, "previous": 1}
        registry.set_alias("churn", "previous", None)
        registry.set_alias("churn", "previous", None)
        assert registry.aliases("churn") == {"champion": 2}

    def test_an_alias_cannot_point_at_a_version_that_does_not_exist(self, registry: Registry, run_id: str, bundle: Path) -> None:
        registry.register("churn", run_id, bundle, identity="i1", tags={})
        with pytest.raises(NotFoundError, match="churn"):
            registry.set_alias("churn", "champion", 7)
        assert registry.aliases("churn") == {}

    def test_a_bundle_comes_back_byte_for_byte(self, registry: Registry, run_id: str, bundle: Path, tmp_path: Path) -> None:
        version = registry.register("churn", run_id, bundle, identity="i1", tags={})
        target = tmp_path / "fetched"
        target.mkdir()
        registry.fetch_bundle("churn", version, target)
        assert _content(target) == _content(bundle)

    def test_another_bundle_is_kept_beside_the_one_it_was_registered_with(
        self, registry: Registry, run_id: str, bundle: Path, tmp_path: Path
    ) -> None:
        version = registry.register("churn", run_id, bundle, identity="i1", tags={})
        first = _content(bundle)
        (bundle / "manifest.json").write_text('{"other": 1}')
        for _ in range(2):
            registry.keep_bundle("churn", version, "ab" * 32, bundle)
        registry.fetch_bundle("churn", version, tmp_path / "one")
        registry.fetch_bundle("churn", version, tmp_path / "two", digest="ab" * 32)
        assert _content(tmp_path / "one") == first
        assert _content(tmp_path / "two") == _content(bundle) != first
        with pytest.raises(NotFoundError):
            registry.fetch_bundle("churn", version, tmp_path / "three", digest="cd" * 32)
        with pytest.raises(NotFoundError):
            registry.keep_bundle("churn", 9, "ab" * 32, bundle)

    def test_the_bundle_of_an_unknown_version_is_not_found(self, registry: Registry, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError):
            registry.fetch_bundle("churn", 1, tmp_path)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
