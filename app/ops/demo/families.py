"""The other machines of the demonstration: how many of each kind, how they fail, what is done for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that breaks now and then; ``part`` is what it takes from the store, if anything."""

    priority: str
    description: str
    failure: str
    found: str
    cause: str
    remedy: str
    part: tuple[str, int] | None = None
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Care:
    """What is done again and again: by a calendar rule, or after so many hours of the machine."""

    title: str
    minutes: int
    checklist: tuple[dict[str, Any], ...]
    rrule: str | None = None
    hours: int | None = None
    kit: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """Machines of a kind. Each fails ``faults`` times a year; ``criticality`` goes round among them."""

    name: str
    model: str
    department: str
    place: str
    count: int
    since: int
    criticality: tuple[str, ...]
    faults: float
    troubles: tuple[Trouble, ...]
    parts: tuple[str, ...]
    care: tuple[Care, ...] = field(default=())


def look(text: str) -> dict[str, Any]:
    """An item that passes or fails."""
    return {"text": text, "kind": "pass_fail"}


def measure(
    text: str, unit: str, minimum: float | None = None, maximum: float | None = None
) -> dict[str, Any]:
    """An item that is measured, with its limits."""
    limits = {"minimum": minimum, "maximum": maximum}
    return {
        "text": text,
        "kind": "value",
        "unit": unit,
        **{key: value for key, value in limits.items() if value is not None},
    }


MONTHLY, QUARTERLY, YEARLY = "FREQ=MONTHLY;BYDAY=1MO", "FREQ=MONTHLY;INTERVAL=3;BYDAY=1TU", "FREQ=YEARLY"
FORTNIGHTLY, EVERY_OTHER = "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", "FREQ=MONTHLY;INTERVAL=2;BYDAY=2TH"

SPINDLE = (
    Trouble(
        "HIGH",
        "Spindle gets loud above 6,000 rpm.",
        "MECH-BRG",
        "Vibration measured",
        "Bearing worn",
        "Bearings changed",
        ("BR-SPH", 1),
        True,
    ),
    Trouble(
        "MEDIUM",
        "Coolant pressure too low.",
        "COOL-LOW",
        "Filter and pump looked at",
        "Filter clogged",
        "Filter changed",
        ("HY-R60", 1),
    ),
    Trouble(
        "MEDIUM",
        "Axis alarm, following error.",
        "EL-DRIVE",
        "Drive and encoder measured",
        "Encoder cable broken",
        "Cable changed",
        ("EL-CB5", 1),
        True,
    ),
    Trouble(
        "LOW",
        "Door switch answers late.",
        "SAFE-GUARD",
        "Switch tried",
        "Switch worn",
        "Switch changed",
        ("EL-LSSAFE-HING", 1),
    ),
    Trouble(
        "MEDIUM",
        "Chips pile up in the conveyor.",
        "MECH-BELT",
        "Conveyor opened",
        "Chain jammed",
        "Cleared and greased",
    ),
)
CONVEYING = (
    Trouble(
        "LOW",
        "A roller does not turn.",
        "MECH-BRG",
        "Roller taken out",
        "Bearing worn out",
        "Bearing changed",
        ("BR-6004", 2),
    ),
    Trouble(
        "MEDIUM",
        "Stops though nothing is in the way.",
        "SEN-LOST",
        "Light barriers tried",
        "Reflector dirty",
        "Cleaned",
    ),
    Trouble(
        "MEDIUM",
        "Drive trips after some minutes.",
        "EL-DRIVE",
        "Current measured",
        "Overload relay drifts",
        "Relay changed",
        ("EL-OR6", 1),
        True,
    ),
)
AIR = (
    Trouble(
        "MEDIUM",
        "Runs too often.",
        "PNEU-LEAK",
        "Line listened to",
        "Coupling leaks",
        "Coupling changed",
        ("PN-F10", 2),
    ),
    Trouble(
        "HIGH",
        "Gets too hot and stops.",
        "TEMP-HIGH",
        "Cooler looked at",
        "Cooler full of dust",
        "Blown out",
        None,
        True,
    ),
    Trouble(
        "MEDIUM",
        "Belt squeals at start.",
        "MECH-BELT",
        "Tension measured",
        "Belt slack",
        "Belt changed",
        ("DR-SPA1300", 2),
    ),
)
PAINT = (
    Trouble(
        "MEDIUM",
        "Layer is too thin on the left.",
        "PROC-QUAL",
        "Thickness measured",
        "Nozzle worn",
        "Nozzle changed",
        ("CO-NZ1.2", 2),
    ),
    Trouble(
        "HIGH",
        "Air flow alarm.",
        "SEN-LOST",
        "Filters looked at",
        "Filter mats full",
        "Mats changed",
        ("CO-FMG4-1M", 2),
        True,
    ),
    Trouble("LOW", "Pump pulsates.", "PNEU-LEAK", "Pump opened", "Diaphragm torn", "Diaphragm changed"),
)
PACKING = (
    Trouble(
        "MEDIUM",
        "Cartons are not closed.",
        "PROC-QUAL",
        "Cylinders watched",
        "Cylinder loses air",
        "Seal changed",
        ("PN-C32x100", 1),
    ),
    Trouble("LOW", "Label is set askew.", "SEN-LOST", "Sensor watched", "Sensor moved", "Set and locked"),
    Trouble(
        "MEDIUM",
        "Suction loses cartons.",
        "PNEU-LEAK",
        "Cups looked at",
        "Cups torn",
        "Cups changed",
        ("PN-SC40", 4),
        True,
    ),
)
HEAT = (
    Trouble(
        "HIGH",
        "Temperature does not hold.",
        "TEMP-HIGH",
        "Sensor compared",
        "Thermometer drifts",
        "Thermometer changed",
        ("SE-T160", 1),
        True,
    ),
    Trouble(
        "MEDIUM",
        "Fan is loud.",
        "VIB-HIGH",
        "Vibration measured",
        "Bearing worn",
        "Bearing changed",
        ("BR-UC208", 2),
    ),
)

MACHINE_CARE = (
    Care(
        "Monthly look",
        20,
        (
            look("No leaks under the machine"),
            look("Covers and doors close"),
            measure("Coolant concentration", "%", 5, 9),
        ),
        MONTHLY,
    ),
    Care(
        "Lubrication",
        45,
        (look("Central lubrication runs"), look("Slideways wiped and oiled")),
        None,
        1000,
        (("FL-KP2K-30", 1),),
    ),
    Care(
        "Geometry check",
        120,
        (measure("Runout of the spindle", "µm", None, 8), measure("Backlash of the X axis", "µm", None, 15)),
        YEARLY,
    ),
)
CONVEYOR_CARE = (
    Care(
        "Tension and tracking", 30, (look("Belt runs in the middle"), look("No damaged rollers")), EVERY_OTHER
    ),
)
AIR_CARE = (
    Care(
        "Condensate and filters",
        25,
        (look("Drains open and close"), measure("Outlet temperature", "°C", None, 85)),
        FORTNIGHTLY,
    ),
    Care(
        "Compressor service",
        150,
        (look("Oil changed"), look("Air filter changed")),
        None,
        2000,
        (("CO-AF37", 1), ("CO-OIL", 2)),
    ),
)
BOOTH_CARE = (
    Care(
        "Filter mats",
        40,
        (look("Mats changed"), measure("Air speed", "m/s", 0.4, 0.6)),
        MONTHLY,
        None,
        (("CO-FMG4-1M", 1),),
    ),
)
OVEN_CARE = (
    Care(
        "Temperature curve",
        60,
        (measure("Deviation at 180 °C", "K", None, 5), look("Door seals are whole")),
        QUARTERLY,
    ),
)
PACK_CARE = (Care("Cleaning and set-up", 30, (look("Guides are clean"), look("Guards in place")), QUARTERLY),)

FAMILIES = (
    # Machining
    Family(
        "CNC lathe",
        "Torvald T42",
        "Machining",
        "Hall 2, row A",
        5,
        2016,
        ("MEDIUM", "HIGH"),
        5.0,
        SPINDLE,
        ("BR-SPH", "EL-CB5", "CO-INCNMG-120408"),
        MACHINE_CARE,
    ),
    Family(
        "Machining centre",
        "Kessel V5",
        "Machining",
        "Hall 2, row B",
        6,
        2018,
        ("HIGH", "MEDIUM"),
        5.5,
        SPINDLE,
        ("BR-SPH", "EL-CB5", "CO-MIAPKT-1604"),
        MACHINE_CARE,
    ),
    Family(
        "Cylindrical grinder",
        "Precisa G3",
        "Machining",
        "Hall 2, row C",
        2,
        2013,
        ("HIGH",),
        4.0,
        SPINDLE,
        ("CO-GW300", "BR-6206"),
        MACHINE_CARE,
    ),
    Family(
        "Gear hobbing machine",
        "Zahn H8",
        "Machining",
        "Hall 2, row C",
        2,
        2009,
        ("HIGH",),
        4.5,
        SPINDLE,
        ("BR-SPH", "FL-CLP150"),
        MACHINE_CARE,
    ),
    Family(
        "Coolant filter",
        "Rein C500",
        "Machining",
        "Hall 2, cellar",
        2,
        2015,
        ("MEDIUM",),
        3.0,
        CONVEYING,
        ("CO-FMM5-1M",),
        CONVEYOR_CARE,
    ),
    Family(
        "Deburring robot",
        "Kestrel R60",
        "Machining",
        "Hall 2, row D",
        1,
        2021,
        ("MEDIUM",),
        3.5,
        CONVEYING,
        ("EL-CB5",),
        MACHINE_CARE,
    ),
    # Press shop
    Family(
        "Eccentric press 63 t",
        "Hallmann EP 63",
        "Press shop",
        "Hall 1, bay 2",
        2,
        2001,
        ("LOW", "MEDIUM"),
        3.5,
        CONVEYING,
        ("DR-SPA1600", "BR-6310"),
    ),
    Family(
        "Straightener",
        "Ostrava S8",
        "Press shop",
        "Hall 1, bay 5",
        1,
        2016,
        ("MEDIUM",),
        3.0,
        CONVEYING,
        ("BR-6212",),
        CONVEYOR_CARE,
    ),
    Family(
        "Blanking line",
        "Hallmann BL 2",
        "Press shop",
        "Hall 1, bay 7",
        1,
        2019,
        ("HIGH",),
        6.0,
        CONVEYING,
        ("EL-FC7.5", "SE-P250"),
        CONVEYOR_CARE,
    ),
    Family(
        "Stacker",
        "Linde & Roth ST",
        "Press shop",
        "Hall 1, bay 7",
        2,
        2019,
        ("MEDIUM",),
        4.0,
        PACKING,
        ("PN-SC40", "PN-V5/2-G1/8"),
    ),
    # Assembly
    Family(
        "Assembly station",
        "Modul A4",
        "Assembly",
        "Line A",
        6,
        2020,
        ("MEDIUM", "LOW"),
        3.0,
        PACKING,
        ("PN-C32x100", "SE-IM8"),
    ),
    Family(
        "Welding robot",
        "Kestrel R210",
        "Assembly",
        "Line C, cell",
        2,
        2022,
        ("HIGH",),
        5.0,
        CONVEYING,
        ("CO-TIP", "EL-CB5"),
    ),
    Family(
        "Rivet press", "Niet 20", "Assembly", "Line A, end", 2, 2010, ("MEDIUM",), 3.5, PACKING, ("HY-K40",)
    ),
    Family(
        "Line conveyor",
        "Linde & Roth B",
        "Assembly",
        "Line A",
        2,
        2014,
        ("MEDIUM",),
        4.0,
        CONVEYING,
        ("BR-6004", "EL-OR6"),
        CONVEYOR_CARE,
    ),
    # Paint shop
    Family(
        "Washing line",
        "Aqua W6",
        "Paint shop",
        "Hall 3",
        1,
        2012,
        ("HIGH",),
        5.0,
        HEAT,
        ("SE-T160", "BR-UC208"),
        OVEN_CARE,
    ),
    Family(
        "Powder booth",
        "Farba P2",
        "Paint shop",
        "Hall 3",
        2,
        2017,
        ("HIGH", "MEDIUM"),
        5.0,
        PAINT,
        ("CO-NZ1.2", "CO-FMG4-1M"),
        BOOTH_CARE,
    ),
    Family(
        "Curing oven",
        "Thermo O8",
        "Paint shop",
        "Hall 3",
        2,
        2012,
        ("HIGH",),
        4.0,
        HEAT,
        ("SE-T160", "BR-UC208"),
        OVEN_CARE,
    ),
    Family(
        "Overhead conveyor",
        "Linde & Roth OC",
        "Paint shop",
        "Hall 3",
        1,
        2012,
        ("HIGH",),
        5.0,
        CONVEYING,
        ("DR-RC10B", "BR-6004"),
        CONVEYOR_CARE,
    ),
    Family(
        "Spray robot",
        "Kestrel R80",
        "Paint shop",
        "Hall 3, booth",
        3,
        2019,
        ("MEDIUM",),
        4.5,
        PAINT,
        ("CO-NZ1.2", "EL-CB5"),
        BOOTH_CARE,
    ),
    Family(
        "Dryer",
        "Thermo D3",
        "Paint shop",
        "Hall 3",
        1,
        2012,
        ("MEDIUM",),
        3.0,
        HEAT,
        ("BR-UC208",),
        OVEN_CARE,
    ),
    Family(
        "Exhaust fan",
        "Ventus 11",
        "Paint shop",
        "Roof of hall 3",
        2,
        2011,
        ("MEDIUM",),
        2.5,
        HEAT,
        ("BR-UC208", "DR-SPA1300"),
        CONVEYOR_CARE,
    ),
    # Packaging
    Family(
        "Carton erector",
        "Boxa E2",
        "Packaging",
        "Hall 4",
        2,
        2018,
        ("MEDIUM",),
        4.0,
        PACKING,
        ("PN-SC40", "PN-C32x100"),
        PACK_CARE,
    ),
    Family(
        "Palletiser",
        "Kestrel P150",
        "Packaging",
        "Hall 4",
        2,
        2020,
        ("HIGH", "MEDIUM"),
        4.5,
        PACKING,
        ("PN-SC40", "SE-ORETR-5M"),
        PACK_CARE,
    ),
    Family(
        "Stretch wrapper",
        "Filmo W1",
        "Packaging",
        "Hall 4",
        2,
        2015,
        ("LOW",),
        3.0,
        CONVEYING,
        ("DR-SPZ1000",),
    ),
    Family(
        "Labeller",
        "Etiko L3",
        "Packaging",
        "Hall 4",
        3,
        2019,
        ("MEDIUM", "LOW"),
        3.5,
        PACKING,
        ("SE-IM8",),
        PACK_CARE,
    ),
    Family(
        "Strapping machine", "Bando S6", "Packaging", "Hall 4", 1, 2013, ("LOW",), 3.0, PACKING, ("CO-ST12",)
    ),
    Family(
        "Roller conveyor",
        "Linde & Roth RC",
        "Packaging",
        "Hall 4",
        2,
        2018,
        ("LOW",),
        3.0,
        CONVEYING,
        ("BR-6004",),
        CONVEYOR_CARE,
    ),
    # Utilities
    Family(
        "Compressor",
        "Borealis C55",
        "Utilities",
        "Compressor room",
        2,
        2019,
        ("HIGH",),
        4.0,
        AIR,
        ("CO-AF37", "CO-OIL", "DR-SPA1300"),
        AIR_CARE,
    ),
    Family(
        "Chiller",
        "Frigo K90",
        "Utilities",
        "Roof of hall 2",
        2,
        2016,
        ("HIGH",),
        3.5,
        HEAT,
        ("BR-UC208", "SE-P16"),
        OVEN_CARE,
    ),
    Family(
        "Cooling tower",
        "Frigo T2",
        "Utilities",
        "Yard",
        1,
        2010,
        ("MEDIUM",),
        3.0,
        HEAT,
        ("BR-UC208",),
        OVEN_CARE,
    ),
    Family(
        "Boiler",
        "Thermo B4",
        "Utilities",
        "Boiler house",
        1,
        2008,
        ("HIGH",),
        3.0,
        HEAT,
        ("SE-T160",),
        OVEN_CARE,
    ),
    Family(
        "Transformer",
        "Volta 1600",
        "Utilities",
        "Substation",
        1,
        2005,
        ("HIGH",),
        0.5,
        HEAT,
        (),
        (
            Care(
                "Yearly look",
                60,
                (measure("Oil temperature", "°C", None, 75), look("No oil on the floor")),
                YEARLY,
            ),
        ),
    ),
    Family(
        "Waste water pump",
        "Rein P3",
        "Utilities",
        "Cellar of hall 3",
        1,
        2012,
        ("MEDIUM",),
        4.0,
        CONVEYING,
        ("SL-RS25x47x7", "BR-6305"),
        CONVEYOR_CARE,
    ),
)

FAILURE_CODES = (
    ("COOL-LOW", "Coolant missing or dirty"),
    ("TEMP-HIGH", "Temperature out of limits"),
    ("VIB-HIGH", "Vibration too high"),
)
