"""What else lies in the store of the demonstration factory: series of parts in the sizes that makers sell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Article:
    """A part as it is ordered: how few may lie there, and how many lie there in the beginning."""

    number: str
    name: str
    group_number: str
    group: str
    price: Decimal
    least: int
    stock: int
    rack: str


@dataclass(frozen=True, slots=True)
class Series:
    """Parts that differ by their size only: ``number`` and ``name`` take it, prices grow with it."""

    number: str
    name: str
    group: tuple[str, str]
    rack: str
    sizes: tuple[str, ...]
    first_price: str
    last_price: str
    least: int

    def articles(self) -> Iterator[Article]:
        first, last = Decimal(self.first_price), Decimal(self.last_price)
        step = (last - first) / max(1, len(self.sizes) - 1)
        for place, size in enumerate(self.sizes):
            # What is dear lies there in smaller numbers.
            least = max(1, self.least - place * self.least // (2 * len(self.sizes)))
            yield Article(
                self.number.format(_short(size)),
                self.name.format(size),
                *self.group,
                (first + step * place).quantize(CENT),
                least,
                2 * least + 1 + place % 3,
                f"{self.rack}{1 + place // 12}",
            )


BEARINGS, HYDRAULICS, PNEUMATICS = ("10", "Bearings"), ("20", "Hydraulics"), ("30", "Pneumatics")
DRIVES, ELECTRICAL, SENSORS = ("40", "Drives"), ("50", "Electrical"), ("60", "Sensors")
CONSUMABLES, SEALS, FLUIDS = ("70", "Consumables"), ("80", "Seals"), ("90", "Lubricants and fluids")


def _short(size: str) -> str:
    """A size as part numbers have it: “63 × 100” is 63x100, “retro 5 m” RETR-5M."""
    words = re.findall(r"[^ ,]+", re.sub(r" × ", "x", re.sub(r" (m|mm)\b", r"\1", size)))
    return "-".join(word[:4].upper() if word.isalpha() else word.upper() for word in words).replace("X", "x")


def _numbers(*numbers: int) -> tuple[str, ...]:
    return tuple(str(number) for number in numbers)


SERIES = (
    Series("BR-{}", "Ball bearing {}", BEARINGS, "A", _numbers(*range(6000, 6013)), "4.10", "18.60", 8),
    Series("BR-{}", "Ball bearing {}", BEARINGS, "A",
           _numbers(*(n for n in range(6200, 6217) if n != 6205)), "5.20", "41.80", 8),
    Series("BR-{}", "Ball bearing {}", BEARINGS, "A",
           _numbers(*(n for n in range(6300, 6315) if n != 6310)), "8.40", "66.00", 6),
    Series("BR-NU{}", "Cylindrical roller bearing NU {}", BEARINGS, "A", _numbers(*range(205, 215)),
           "28.00", "94.00", 3),
    Series("BR-UC{}", "Insert bearing UC {}", BEARINGS, "A", _numbers(*range(204, 214)), "9.60", "31.00", 4),
    Series("SL-OR{}", "O-ring {} mm", SEALS, "H",
           tuple(f"{inner} × {thick}" for inner in (8, 12, 16, 20, 25, 32, 40, 50, 63, 80)
                 for thick in ("2.0", "2.5", "3.5")), "0.18", "2.40", 30),
    Series("SL-RS{}", "Shaft seal {} mm", SEALS, "H",
           ("15 × 30 × 7", "20 × 35 × 7", "25 × 42 × 7", "25 × 47 × 7", "30 × 47 × 7", "30 × 52 × 7",
            "35 × 52 × 8", "40 × 62 × 8", "45 × 65 × 8", "50 × 72 × 8", "55 × 80 × 8", "60 × 85 × 8"),
           "2.90", "11.20", 5),
    Series("HY-K{}", "Cylinder seal kit {} mm", HYDRAULICS, "B",
           _numbers(32, 40, 50, 63, 100, 125, 160), "18.00", "96.00", 3),
    Series("HY-H{}", "Pressure hose {}", HYDRAULICS, "B",
           tuple(f"{bore} mm {length} m" for bore in (6, 8, 16, 20) for length in ("0.5", "1", "2")),
           "14.80", "71.00", 4),
    Series("HY-C{}", "Hose coupling {}", HYDRAULICS, "B",
           ("G1/4", "G3/8", "G1/2", "G3/4", "G1", "M16", "M18", "M22", "M26", "M30"), "3.20", "14.50", 10),
    Series("HY-R{}", "Return filter element {}", HYDRAULICS, "B", _numbers(60, 90, 140, 200, 330), "24.00",
           "118.00", 4),
    Series("HY-D{}", "Directional valve NG {}", HYDRAULICS, "B", ("6 D", "6 J", "10 D", "10 J"), "164.00",
           "410.00", 2),
    Series("PN-C{}", "Pneumatic cylinder {} mm", PNEUMATICS, "C",
           tuple(f"{bore} × {stroke}" for bore in (32, 40, 63) for stroke in (50, 100, 160)), "58.00",
           "164.00", 2),
    Series("PN-V{}", "Solenoid valve {}", PNEUMATICS, "C", ("3/2 G1/8", "3/2 G1/4", "5/2 G1/8", "5/3 G1/4"),
           "46.00", "112.00", 3),
    Series("PN-F{}", "Push-in fitting {} mm", PNEUMATICS, "C", _numbers(4, 6, 8, 10, 12, 16), "0.90", "4.80",
           40),
    Series("PN-T{}", "Hose {} mm, 25 m", PNEUMATICS, "C", _numbers(4, 6, 8, 10, 12), "14.00", "58.00", 3),
    Series("PN-S{}", "Silencer {}", PNEUMATICS, "C", ("G1/8", "G1/4", "G3/8", "G1/2"), "1.90", "6.40", 10),
    Series("DR-SPZ{}", "Narrow V-belt SPZ {}", DRIVES, "D", _numbers(*range(800, 1700, 100)), "6.80", "13.90",
           6),
    Series("DR-SPA{}", "Narrow V-belt SPA {}", DRIVES, "D", _numbers(*range(1000, 2500, 150)), "9.40",
           "21.50", 6),
    Series("DR-HTD{}", "Timing belt HTD 8M {}", DRIVES, "D", _numbers(*range(480, 1440, 80)), "18.00",
           "54.00", 3),
    Series("DR-CL{}", "Coupling spider {}", DRIVES, "D", _numbers(19, 24, 28, 38, 42, 48), "4.60", "22.00",
           4),
    Series("DR-GM{}", "Gear motor {} kW", DRIVES, "D", ("0.37", "0.55", "0.75", "1.1", "2.2"), "310.00",
           "1040.00", 1),
    Series("DR-RC{}", "Roller chain {}, 5 m", DRIVES, "D",
           ("05B", "06B", "10B", "12B", "16B", "20B", "06B-2", "08B-2", "10B-2"), "21.00", "138.00", 2),
    Series("DR-LC{}", "Linear carriage {}", DRIVES, "D", _numbers(15, 20, 25, 30, 35, 45), "48.00", "162.00",
           2),
    Series("DR-CI{}", "Circlip {} mm", DRIVES, "D",
           _numbers(10, 12, 15, 17, 20, 25, 30, 35, 40, 45, 50, 60), "0.12", "0.90", 50),
    Series("DR-KY{}", "Parallel key {} mm", DRIVES, "D",
           ("5 × 16", "5 × 25", "6 × 20", "6 × 32", "8 × 25", "8 × 40", "10 × 40", "12 × 50", "14 × 60"),
           "0.60", "3.80", 20),
    Series("DR-RB{}", "Rubber buffer {} mm", DRIVES, "D", _numbers(20, 30, 40, 50, 75, 100), "1.40", "12.60",
           8),
    Series("PN-SC{}", "Suction cup {} mm", PNEUMATICS, "C", _numbers(10, 15, 20, 30, 40, 50, 60, 80), "2.90",
           "14.20", 12),
    Series("EL-LS{}", "Limit switch {}", ELECTRICAL, "E",
           ("roller", "plunger", "lever", "rod", "safety, roller", "safety, hinge"), "24.00", "61.00", 3),
    Series("EL-SL{}", "Signal lamp {}", ELECTRICAL, "E", ("red", "amber", "green", "blue", "white"), "19.00",
           "23.00", 3),
    Series("EL-CT{}", "Contactor {} A", ELECTRICAL, "E", _numbers(12, 18, 25, 32, 40, 50, 65), "31.00",
           "148.00", 4),
    Series("EL-OR{}", "Overload relay {} A", ELECTRICAL, "E", ("1.6", "2.5", "4", "6", "10", "16", "24"),
           "26.00", "44.00", 3),
    Series("EL-FU{}", "Fuse {} A gG", ELECTRICAL, "E", _numbers(2, 4, 6, 10, 16, 20, 25, 35, 50, 63), "1.10",
           "4.20", 20),
    Series("EL-MC{}", "Circuit breaker {}", ELECTRICAL, "E", ("B6", "B10", "B16", "C6", "C10", "C16", "C25"),
           "7.40", "18.90", 5),
    Series("EL-FC{}", "Frequency converter {} kW", ELECTRICAL, "E", ("0.75", "1.5", "4", "5.5", "7.5"),
           "290.00", "980.00", 1),
    Series("EL-CB{}", "Sensor cable M12, {} m", ELECTRICAL, "E", ("1", "2", "5", "10"), "6.20", "16.80", 10),
    Series("EL-PB{}", "Push button {}", ELECTRICAL, "E",
           ("green", "red", "blue", "yellow", "emergency stop"), "6.90", "28.00", 6),
    Series("SE-I{}", "Inductive sensor {}", SENSORS, "F", ("M8", "M18", "M30"), "34.00", "52.00", 5),
    Series("SE-O{}", "Photoelectric sensor {}", SENSORS, "F",
           ("diffuse 100 mm", "diffuse 400 mm", "retro 2 m", "retro 5 m", "through 10 m"), "58.00", "124.00",
           3),
    Series("SE-P{}", "Pressure transmitter {} bar", SENSORS, "F", _numbers(10, 16, 250, 400), "142.00",
           "196.00", 2),
    Series("SE-T{}", "Resistance thermometer Pt100 {} mm", SENSORS, "F", _numbers(50, 100, 160, 250),
           "27.00", "44.00", 4),
    Series("SE-E{}", "Encoder {} pulses", SENSORS, "F", _numbers(500, 1024, 2048), "168.00", "242.00", 1),
    Series("CO-IN{}", "Turning insert {}", CONSUMABLES, "G",
           ("CNMG 120404", "CNMG 120408", "DNMG 150604", "DNMG 150608", "VNMG 160404", "WNMG 080408"),
           "7.80", "12.40", 40),
    Series("CO-MI{}", "Milling insert {}", CONSUMABLES, "G",
           ("APKT 1003", "APKT 1604", "SEKT 1204", "LNMU 0303"), "9.20", "14.60", 40),
    Series("CO-GW{}", "Grinding wheel {} mm", CONSUMABLES, "G", _numbers(200, 300, 400), "38.00", "92.00", 4),
    Series("CO-NZ{}", "Spray nozzle {} mm", CONSUMABLES, "G", ("0.8", "1.0", "1.2", "1.4", "1.8"), "24.00",
           "36.00", 8),
    Series("CO-FM{}", "Filter mat {}", CONSUMABLES, "G", ("G3 1 m", "G4 1 m", "M5 1 m", "F7 pocket"), "6.20",
           "38.00", 10),
    Series("CO-ST{}", "Strapping band {} mm", CONSUMABLES, "G", _numbers(9, 12, 15), "16.00", "27.00", 10),
    Series("FL-HLP{}", "Hydraulic oil HLP {}, 20 l", FLUIDS, "I", _numbers(32, 46, 68), "58.00", "66.00", 8),
    Series("FL-CLP{}", "Gear oil CLP {}, 20 l", FLUIDS, "I", _numbers(100, 150, 220, 320), "72.00", "94.00",
           4),
    Series("FL-KP{}", "Grease KP {}, 400 g", FLUIDS, "I", ("1K-20", "2K-30", "2N-20"), "5.90", "9.80", 20),
    Series("FL-CO{}", "Coolant concentrate {}, 20 l", FLUIDS, "I", ("A", "B"), "88.00", "96.00", 6),
)  # fmt: skip


def articles() -> list[Article]:
    """All of them, by series and size."""
    return [article for series in SERIES for article in series.articles()]
