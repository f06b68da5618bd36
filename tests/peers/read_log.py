"""Reads an event log in XES with pm4py and tells what it found, as JSON. Run by pm4py's own environment."""

import json
import sys

import pm4py

log = pm4py.read_xes(sys.argv[1])
starts, ends = pm4py.get_start_activities(log), pm4py.get_end_activities(log)
found = {
    "cases": sorted(log["case:concept:name"].unique()),
    "events": len(log),
    "activities": sorted(log["concept:name"].unique()),
    "times": str(log["time:timestamp"].dtype),
    "starts": sorted(starts),
    "ends": sorted(ends),
    "variants": len(pm4py.get_variants(log)),
}
print(json.dumps(found))
