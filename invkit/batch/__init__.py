"""Many pictures, each once: resumed after a crash, spread over processes, one bad picture at its own cost.

    report = invkit.map(pipeline, "photos/", "out", jobs=4)
    report.solved, report.kept, report.failed          # kept: were finished before

A picture is finished when its record stands in the folder and fits the picture, the configuration and the
files beside it. The record is the last thing written and the first removed. Worker processes only compute:
they read pictures and return the bytes of results. This process alone writes.
"""

from invkit.batch.folder import Folder
from invkit.batch.items import Failure, Item, Source, find_items
from invkit.batch.mapping import Report, map
from invkit.batch.recovering import FILES, Crop, Recovery, Result

__all__ = [
    "FILES",
    "Crop",
    "Failure",
    "Folder",
    "Item",
    "Recovery",
    "Report",
    "Result",
    "Source",
    "find_items",
    "map",
]
