"""What has happened in the demonstration factory in the past weeks: most finished, some of it under way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from app.ops.demo.routine import Beginning
from app.ops.demo.scenes import Course, accept, cancel, do, moment, once, report, work
from app.ops.demo.stage import Stage

FIRST = timedelta(days=10)  # ago; what was before is told by the routine

FINISHED = (
    # A leaking press: parts from the store at once, confirmed by the supervisor.
    moment(report("leak", "supervisor", "M-0001", "HIGH", "Oil drips from the main cylinder, a cup an hour.",
                  failure="HYD-LEAK"), days=9, hours=6),
    moment(accept("leak"), days=9, hours=5.6),
    moment(work("leak", "request_parts", steps=[("Locked out, cylinder opened: the rod seal is torn", 45)],
                needs=[("HY-0080", 1, "Torn rod seal")]), days=9, hours=4.5),
    moment(do("leak", "Approve parts", "manager", "approve"), days=9, hours=4.2),
    moment(do("leak", "Issue parts", "inventory", "issue"), days=9, hours=4),
    moment(work("leak", "complete", steps=[("Seal replaced, bled, tested at 250 bar", 70)], type="CORR",
                cause="Seal worn out after 14,000 hours", remedy="Seals replaced"), days=9, hours=2.5),
    moment(do("leak", "Confirm repair", "supervisor", "fixed"), days=9, hours=2),
    # A squeaking belt: nobody is in a hurry, nobody has to confirm.
    moment(report("belt", "supervisor2", "M-0009", "LOW", "The belt squeaks when it starts.",
                  failure="MECH-BELT"), days=8, hours=3),
    moment(accept("belt", "technician2"), days=7, hours=1),
    moment(work("belt", "complete", "technician2", steps=[("Chain tightened and greased", 25)], type="CORR",
                cause="Chain slack", remedy="Tightened"), days=7),
    # A robot that had to be repaired twice.
    moment(report("robot", "supervisor2", "M-0007", "CRITICAL", "Axis 3 stops, following error. Line B waits",
                  failure="EL-DRIVE", machineStopped=True), days=6, hours=5),
    moment(accept("robot", "technician2"), days=6, hours=4.9),
    moment(work("robot", "complete", "technician2", steps=[("Connector of the axis 3 encoder cleaned", 35)],
                type="CORR-TEMP", cause="Dirty connector", remedy="Cleaned"), days=6, hours=4),
    moment(do("robot", "Confirm repair", "supervisor2", "not_fixed",
              reason="It stopped again after ten parts."), days=6, hours=3.6),
    moment(work("robot", "complete", "technician2", steps=[("Encoder cable replaced", 80)],
                type="CORR", cause="Broken wire in the cable", remedy="Cable replaced"), days=6, hours=2),
    moment(do("robot", "Confirm repair", "supervisor2", "fixed"), days=6, hours=1.5),
    # A false alarm.
    moment(report("alarm", "supervisor", "M-0006", "MEDIUM", "No air at the cell."), days=5, hours=4),
    moment(cancel("alarm", "supervisor", "The main valve was shut. Nothing is broken."), days=5, hours=3.8),
    # Handed from one technician to the other.
    moment(report("feeder", "supervisor", "M-0003", "MEDIUM", "The feeder is noisy on the drive side.",
                  failure="MECH-BRG"), days=4, hours=8),
    moment(accept("feeder"), days=4, hours=6),
    moment(work("feeder", "hand_back", handBackReason="Called to the press. The noise comes from the left."),
           days=4, hours=5),
    moment(accept("feeder", "technician2"), days=4, hours=4),
    moment(work("feeder", "request_parts", "technician2", steps=[("Bearing play measured", 30)],
                needs=[("BR-6205", 2, "Left one, and right while it is open")]), days=4, hours=3.5),
    moment(do("feeder", "Approve parts", "manager", "approve"), days=4, hours=2),
    moment(do("feeder", "Issue parts", "inventory", "issue"), days=4, hours=1.5),
    moment(work("feeder", "complete", "technician2", steps=[("Both bearings replaced", 95)], type="CORR",
                cause="Bearing worn out", remedy="Bearings replaced"), days=3, hours=22),
    moment(do("feeder", "Confirm repair", "supervisor", "fixed"), days=3, hours=20),
)  # fmt: skip

UNDER_WAY = (
    # Costs more than the manager may approve alone: the administrator is asked.
    moment(report("drive", "supervisor", "M-0002", "HIGH", "Both feed axes trip with an overcurrent alarm.",
                  failure="EL-DRIVE", machineStopped=True), hours=7),
    moment(accept("drive"), hours=6.6),
    moment(work("drive", "request_parts", steps=[("Motors measured: fine. Both drives are burnt", 60)],
                needs=[("EL-SD5", 2, "Burnt output stage")]), hours=5.3),
    moment(do("drive", "Approve parts", "manager", "approve"), hours=4.5),
    # Some sensors were on the shelf, the rest is on back-order.
    moment(report("sensor", "supervisor2", "M-0011", "HIGH", "Readings jump; good parts fail the test.",
                  failure="SEN-LOST"), hours=6.5),
    moment(accept("sensor", "technician2"), hours=6),
    moment(work("sensor", "request_parts", "technician2", steps=[("All four transmitters checked", 40)],
                needs=[("SE-P100", 4, "Drift above 2 %")]), hours=5.4),
    moment(do("sensor", "Approve parts", "manager", "approve"), hours=5),
    moment(do("sensor", "Issue parts", "inventory", "issue"), hours=4),
    # Refused; the work goes on without the new pump.
    moment(report("pump", "supervisor", "M-0001", "MEDIUM", "The pump is loud when the oil is cold.",
                  failure="HYD-PRES"), hours=22),
    moment(accept("pump"), hours=20),
    moment(work("pump", "request_parts", steps=[("Suction side and oil level checked", 30)],
                needs=[("HY-P28", 1, "Sounds worn")]), hours=19),
    moment(do("pump", "Approve parts", "manager", "reject",
              reason="Change the filter and the oil first, then measure the flow."), hours=17),
    # Repaired; the supervisor has not tried it yet.
    moment(report("screws", "supervisor2", "M-0010", "MEDIUM", "No supply, the display stays dark.",
                  failure="EL-POWER", machineStopped=True), hours=9),
    moment(accept("screws", "technician2"), hours=8.5),
    moment(work("screws", "complete", "technician2", steps=[("Wiring checked, terminal tightened", 50)],
                type="CORR", cause="Loose terminal", remedy="Terminal tightened"), hours=2.2),
    # Approved and waiting at the store.
    moment(report("hose", "supervisor", "M-0006", "HIGH", "A hose of the clamping unit has burst.",
                  failure="HYD-LEAK", machineStopped=True), hours=3.5),
    moment(accept("hose"), hours=3.2),
    moment(work("hose", "request_parts", steps=[("Oil bound, hose measured", 25)],
                needs=[("HY-H12", 2, "Burst hose and its neighbour")]), hours=2.6),
    moment(do("hose", "Approve parts", "manager", "approve"), hours=1.8),
    # Waits for the manager's decision.
    moment(report("compressor", "supervisor2", "M-0012", "MEDIUM", "Runs hot and smells of rubber.",
                  failure="MECH-BELT"), hours=5),
    moment(accept("compressor", "technician2"), hours=4),
    moment(work("compressor", "request_parts", "technician2", steps=[("Belts and pulleys inspected", 20)],
                needs=[("DR-VB68", 3, "Cracked belts"), ("CO-AF37", 1, "Clogged")]), hours=1.2),
    # Nobody has accepted this in time: it is with the maintenance manager, too.
    moment(report("curtain", "supervisor", "M-0004", "HIGH", "The guard switch answers only sometimes.",
                  failure="SAFE-GUARD", machineStopped=True), hours=4.6),
    # Lies with a technician for too long.
    moment(report("roller", "supervisor2", "M-0009", "MEDIUM", "Two rollers run hot.", failure="MECH-BRG"),
           days=6),
    moment(accept("roller", "technician2"), days=5.8),
    # The manager has not come to it.
    moment(report("clutch", "supervisor", "M-0004", "MEDIUM", "The clutch slips after an hour.",
                  failure="MECH-BELT"), days=5),
    moment(accept("clutch"), days=4.8),
    moment(work("clutch", "request_parts", steps=[("Clutch and belt measured", 35)],
                needs=[("DR-VB68", 1, "Worn flanks")]), days=4.5),
    # Just reported.
    moment(report("gripper", "supervisor2", "M-0008", "HIGH", "The gripper does not open at position 4.",
                  failure="PNEU-LEAK"), minutes=25),
    moment(report("scrap", "supervisor", "M-0005", "LOW", "Scrap falls beside the belt."), minutes=10),
)  # fmt: skip


def play(stage: Stage, now: datetime, past: Iterable[Beginning]) -> Iterator[datetime]:
    """Let it all happen, in the order of time, and end at ``now``; ``past`` is what was before the story.

    Yields the time after each thing that has happened.
    """
    queue: list[tuple[datetime, int, datetime | None, Course]] = []
    for number, event in enumerate((*FINISHED, *UNDER_WAY)):
        queue.append((now - event.ago, number, None, once(event.scene, stage)))
    for number, beginning in enumerate(past, len(queue)):
        last = now - FIRST if beginning.ends else None
        queue.append((now - beginning.ago, number, last, beginning.course(stage)))
    heapify(queue)
    while queue:
        time, number, last, course = heappop(queue)
        stage.wait_until(time)
        pause = next(course, None)
        if pause is None:
            continue
        then = time + pause if last is None else min(time + pause, last)
        if then <= now:
            heappush(queue, (then, number, last, course))
        yield time
    stage.wait_until(now)
    yield now
