"""Each mutant still has the text that it changes and the tests that must notice; a run of all is a long form."""

from __future__ import annotations

from tests.support.run import ROOT
from tools.mutants import MUTANTS


def test_each_has_the_text_that_it_changes():
    files = {mutant.file: (ROOT / "tap_invoices" / mutant.file).read_text(encoding="utf-8") for mutant in MUTANTS}
    assert [mutant.name for mutant in MUTANTS if mutant.old not in files[mutant.file]] == []


def test_each_has_its_tests():
    paths = {word.partition("::")[0] for mutant in MUTANTS for word in mutant.tests.split() if "/" in word}
    assert [path for path in sorted(paths) if not (ROOT / path).is_file()] == []
