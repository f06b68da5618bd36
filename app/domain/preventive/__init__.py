"""Preventive maintenance: what is done to machines before they fail, when it is due, and what was found.

``recurrence`` reckons with calendar rules, ``checklist`` with what is to be looked at, ``meters`` with
hours run; ``plans`` keeps the tasks and ``completion`` writes down that one was done.
"""
