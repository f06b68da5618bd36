"""The demonstration factory before anything happens in it: people, machines, parts, catalogues."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import people, settings, stock
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.machines import Machine, MachineSparePart
from app.domain.parts import SparePart, StockLocation
from app.domain.people import Department, Role, User
from app.domain.preventive import plans
from app.domain.stock import MovementKind, ReferenceType
from app.ops.demo import families, shelves
from app.ops.demo.families import FAMILIES, FORTNIGHTLY, MONTHLY, Care, Family, look, measure
from app.ops.demo.shelves import Article

PASSWORD = "millwright"  # noqa: S105 - it is shown on the sign-in page


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody to sign in as. ``key`` is what the story calls them."""

    key: str
    name: str
    role: str
    department: str
    process_owner: bool = False

    @property
    def email(self) -> str:
        return f"{self.key}@millwright.example"

    @property
    def password(self) -> str:
        return PASSWORD


LOGINS = (
    Login("supervisor", "Ann Keller", Role.SUPERVISOR, "Press shop"),
    Login("technician", "Tomasz Wolski", Role.MAINTENANCE_TECH, "Maintenance"),
    Login("manager", "Maria Duarte", Role.MAINTENANCE_MANAGER, "Maintenance", process_owner=True),
    Login("inventory", "Ivo Petrov", Role.INVENTORY_MANAGER, "Stores"),
    Login("admin", "Grace Odum", Role.ADMIN, "Office"),
    Login("technician2", "Lena Fuchs", Role.MAINTENANCE_TECH, "Maintenance"),
    Login("supervisor2", "Jonas Berg", Role.SUPERVISOR, "Assembly"),
)

# People of the whole factory, who are not offered on the sign-in page.
STAFF = (
    Login("supervisor3", "Elif Aydın", Role.SUPERVISOR, "Machining"),
    Login("supervisor4", "Piotr Nowak", Role.SUPERVISOR, "Paint shop"),
    Login("supervisor5", "Sofia Lindqvist", Role.SUPERVISOR, "Packaging"),
    Login("supervisor6", "Marek Horák", Role.SUPERVISOR, "Utilities"),
    Login("technician3", "Noah Brandt", Role.MAINTENANCE_TECH, "Maintenance"),
    Login("technician4", "Inês Moreau", Role.MAINTENANCE_TECH, "Maintenance"),
    Login("technician5", "Dmitri Volkov", Role.MAINTENANCE_TECH, "Maintenance"),
    Login("technician6", "Aisha Rahman", Role.MAINTENANCE_TECH, "Maintenance"),
)

# QR code, name, model, serial number, department, location, in use since, criticality, part numbers
MACHINES = (
    ("M-0001", "Hydraulic press 400 t", "Hallmann HP 400", "40-2217", "Press shop", "Hall 1, bay 4", 2014,
     "HIGH", ("HY-0080", "HY-4WR", "HY-F10", "SE-P100")),
    ("M-0002", "Transfer press", "Hallmann TP 630", "63-0118", "Press shop", "Hall 1, bay 6", 2019, "HIGH",
     ("EL-SD5", "BR-6310", "SE-P100", "SF-LC30")),
    ("M-0003", "Coil feeder", "Ostrava CF 12", "CF12-884", "Press shop", "Hall 1, bay 5", 2016,
     "MEDIUM", ("BR-6205", "DR-VB68", "PN-C50")),
    ("M-0004", "Eccentric press 80 t", "Hallmann EP 80", "08-9021", "Press shop", "Hall 1, bay 1", 1998,
     "LOW", ("BR-6205", "DR-VB68")),
    ("M-0005", "Scrap conveyor", "Linde & Roth SC", "SC-17", "Press shop", "Hall 1, pit", 2012, "LOW",
     ("BR-6205", "DR-CH08")),
    ("M-0006", "Deburring cell", "Nordgrind D2", "D2-450", "Press shop", "Hall 1, bay 8", 2020, "MEDIUM",
     ("PN-V52", "SE-I12", "CO-BELT")),
    ("M-0007", "Welding robot 1", "Kestrel R210", "R210-3307", "Assembly", "Line B, cell 1", 2018, "HIGH",
     ("EL-SD5", "SE-I12", "CO-TIP", "PN-C50")),
    ("M-0008", "Welding robot 2", "Kestrel R210", "R210-3308", "Assembly", "Line B, cell 2", 2018, "MEDIUM",
     ("EL-SD5", "SE-I12", "CO-TIP", "PN-C50")),
    ("M-0009", "Conveyor B-12", "Linde & Roth B", "B-12-09", "Assembly", "Line B", 2011, "LOW",
     ("BR-6205", "DR-CH08", "EL-FC2")),
    ("M-0010", "Screwdriving station", "Torqo S4", "S4-771", "Assembly", "Line B, station 7", 2021, "MEDIUM",
     ("EL-PS24", "SE-I12", "PN-V52")),
    ("M-0011", "Leak test bench", "Aerotest L1", "L1-063", "Assembly", "Line B, end", 2017, "HIGH",
     ("PN-V52", "SE-P100", "EL-PS24")),
    ("M-0012", "Compressor 2", "Borealis C37", "C37-5512", "Assembly", "Utility room", 2015, "MEDIUM",
     ("CO-AF37", "CO-OIL", "DR-VB68")),
)  # fmt: skip

# part number, name, group number, group, price, minimum, in stock, rack
PARTS = (
    ("BR-6205", "Ball bearing 6205", "10", "Bearings", "9.80", 20, 44, "A1"),
    ("BR-6310", "Ball bearing 6310", "10", "Bearings", "38.60", 6, 9, "A1"),
    ("BR-SPH", "Spindle bearing set", "10", "Bearings", "412.00", 2, 3, "A2"),
    ("HY-0080", "Cylinder seal kit 80 mm", "20", "Hydraulics", "48.50", 5, 12, "B1"),
    ("HY-4WR", "Proportional valve", "20", "Hydraulics", "1240.00", 2, 3, "B2"),
    ("HY-F10", "Hydraulic filter element", "20", "Hydraulics", "62.00", 8, 15, "B1"),
    ("HY-H12", "Pressure hose 12 mm, 1 m", "20", "Hydraulics", "34.20", 10, 18, "B3"),
    ("HY-P28", "Axial piston pump", "20", "Hydraulics", "3150.00", 1, 1, "B4"),
    ("PN-C50", "Pneumatic cylinder 50 mm", "30", "Pneumatics", "118.00", 4, 7, "C1"),
    ("PN-V52", "Solenoid valve 5/2", "30", "Pneumatics", "87.40", 6, 14, "C1"),
    ("PN-FR", "Filter regulator", "30", "Pneumatics", "54.90", 3, 6, "C2"),
    ("DR-VB68", "V-belt 68", "40", "Drives", "14.60", 10, 22, "D1"),
    ("DR-CH08", "Roller chain 08B, 5 m", "40", "Drives", "46.00", 4, 8, "D1"),
    ("DR-GM15", "Gear motor 1.5 kW", "40", "Drives", "890.00", 1, 2, "D3"),
    ("EL-SD5", "Servo drive 5 kW", "50", "Electrical", "2890.00", 1, 2, "E1"),
    ("EL-FC2", "Frequency converter 2.2 kW", "50", "Electrical", "460.00", 2, 3, "E1"),
    ("EL-PS24", "Power supply 24 V, 10 A", "50", "Electrical", "142.00", 3, 5, "E2"),
    ("EL-CT9", "Contactor 9 A", "50", "Electrical", "27.30", 8, 16, "E2"),
    ("SE-I12", "Inductive sensor M12", "60", "Sensors", "39.90", 10, 17, "F1"),
    ("SE-P100", "Pressure transmitter 100 bar", "60", "Sensors", "168.00", 3, 3, "F1"),
    ("SF-LC30", "Light curtain 30 mm", "60", "Sensors", "1180.00", 1, 1, "F2"),
    ("CO-TIP", "Welding tip", "70", "Consumables", "3.20", 100, 260, "G1"),
    ("CO-OIL", "Compressor oil, 5 l", "70", "Consumables", "41.50", 6, 11, "G2"),
    ("CO-AF37", "Air filter C37", "70", "Consumables", "29.80", 4, 6, "G2"),
    ("CO-BELT", "Grinding belt", "70", "Consumables", "7.60", 30, 75, "G1"),
)

FAILURE_CODES = (
    ("HYD-LEAK", "Hydraulic leak"), ("HYD-PRES", "Pressure too low"), ("MECH-BRG", "Bearing worn out"),
    ("MECH-BELT", "Belt or chain worn out"), ("EL-DRIVE", "Drive fault"), ("EL-POWER", "No power"),
    ("SEN-LOST", "Sensor lost its signal"), ("PNEU-LEAK", "Air leak"), ("PROC-QUAL", "Bad parts produced"),
    ("SAFE-GUARD", "Guard or light curtain faulty"),
)  # fmt: skip
MAINTENANCE_TYPES = (
    ("CORR", "Corrective"), ("CORR-TEMP", "Corrective, temporary"), ("PREV", "Preventive"),
    ("COND", "Condition-based"), ("IMPR", "Improvement"),
)  # fmt: skip


def supervisor_of(department: str) -> str:
    """Whom the story calls the supervisor of a department."""
    return next(
        login.key
        for login in (*LOGINS, *STAFF)
        if (login.role, login.department) == (Role.SUPERVISOR, department)
    )


def machines_of(family: Family) -> list[str]:
    """The QR codes of the machines of a kind."""
    first = len(MACHINES) + 1 + sum(each.count for each in FAMILIES[: FAMILIES.index(family)])
    return [f"M-{number:04}" for number in range(first, first + family.count)]


def build(session: Session, *, whole: bool) -> None:
    """Make the factory in an empty database. Stock arrives by movements, as all stock does.

    The ``whole`` one has six departments with eighty machines, and four hundred parts; otherwise there is
    only what the story is about.
    """
    settings.change_site(session, None, name="Northfield plant", time_zone="Europe/Berlin", currency="EUR")
    logins = (*LOGINS, *STAFF) if whole else LOGINS
    departments = {
        name: Department(name=name) for name in dict.fromkeys(login.department for login in logins)
    }
    session.add_all(departments.values())
    session.flush()
    for login in logins:
        people.create_user(
            session,
            None,
            email=login.email,
            name=login.name,
            password=PASSWORD,
            role=login.role,
            department_id=departments[login.department].id,
            process_owner=login.process_owner,
        )
    codes = (*FAILURE_CODES, *families.FAILURE_CODES) if whole else FAILURE_CODES
    session.add_all(FailureCode(code=code, name=name) for code, name in codes)
    session.add_all(MaintenanceType(code=code, name=name) for code, name in MAINTENANCE_TYPES)
    articles = [Article(*row[:4], Decimal(row[4]), *row[5:]) for row in PARTS]
    parts = _stock_up(session, [*articles, *shelves.articles()] if whole else articles)
    for qr_code, name, model, serial, department, location, year, criticality, numbers in MACHINES:
        _add_machine(
            session, qr_code, name, model, serial, departments[department], location, year, criticality,
            [parts[number] for number in numbers],
        )  # fmt: skip
    for family in FAMILIES if whole else ():
        for number, code in enumerate(machines_of(family), 1):
            _add_machine(
                session,
                code,
                f"{family.name} {number}" if family.count > 1 else family.name,
                family.model,
                f"{code[2:]}-{family.since % 100:02}{number}",
                departments[family.department],
                f"{family.place}, {number}" if family.count > 1 else family.place,
                family.since,
                family.criticality[(number - 1) % len(family.criticality)],
                [parts[part] for part in family.parts],
            )
    session.flush()
    _plan(session, whole=whole)


# What is done again and again for machines of the story.
STORY_CARE = (
    ("M-0001", Care("Monthly inspection", 40, (look("No oil on the floor"), look("Guards are whole"),
                                               measure("Oil temperature", "°C", None, 60)), MONTHLY)),
    ("M-0007", Care("Tool centre and cables", 30,
                    (look("Cables are whole"), look("Tips are even")), MONTHLY)),
    ("M-0012", Care("Condensate and filters", 20, (look("Drains open and close"),), FORTNIGHTLY)),
)  # fmt: skip


def _plan(session: Session, *, whole: bool) -> None:
    """The preventive plans."""
    wanted = list(STORY_CARE)
    if whole:
        wanted += [
            (code, care) for family in FAMILIES for code in machines_of(family) for care in family.care
        ]
    machines = {machine.qr_code: machine.id for machine in session.scalars(select(Machine))}
    parts = {part.part_number: part.id for part in session.scalars(select(SparePart))}
    for code, care in wanted:
        plans.create_task(
            session, None, machine_id=machines[code], title=care.title, rrule=care.rrule,
            meter_interval=care.hours, lead_days=3, estimated_minutes=care.minutes, checklist=care.checklist,
            parts=[{"partId": parts[number], "quantity": quantity} for number, quantity in care.kit],
        )  # fmt: skip


def _add_machine(
    session: Session,
    code: str,
    name: str,
    model: str,
    serial: str,
    department: Department,
    location: str,
    year: int,
    criticality: str,
    parts: list[SparePart],
) -> None:
    session.add(
        Machine(
            qr_code=code,
            name=name,
            model=model,
            serial_number=serial,
            department=department,
            location=location,
            installation_date=date(year, 3, 1),
            criticality=criticality,
            spare_parts=[MachineSparePart(part=part, quantity=2) for part in parts],
        )
    )


def _stock_up(session: Session, articles: Iterable[Article]) -> dict[str, SparePart]:
    """The spare parts by number, with what lies in the store."""
    store, cabinet = StockLocation(name="Main store"), StockLocation(name="Line B cabinet")
    session.add_all((store, cabinet))
    session.flush()
    keeper = people.by_email(session, next(login.email for login in LOGINS if login.key == "inventory"))
    by = None if keeper is None else keeper.id
    parts = {}
    for article in articles:
        part = SparePart(
            part_number=article.number,
            part_name=article.name,
            group_number=article.group_number,
            group_name=article.group,
            unit_price=article.price,
            min_quantity=article.least,
            location=f"Rack {article.rack}",
            default_location_id=store.id,
        )
        session.add(part)
        session.flush()
        stock.record_movement(
            session, part.id, MovementKind.IN, article.stock, by=by,
            reference_type=ReferenceType.PURCHASE, notes="Opening stock",
        )  # fmt: skip
        parts[article.number] = part
    tips = parts["CO-TIP"]
    stock.record_movement(
        session, tips.id, MovementKind.TRANSFER, 60, location_id=store.id, to_location_id=cabinet.id, by=by
    )
    return parts


def person(session: Session, key: str) -> User:
    """Whom the story calls by this name."""
    found = people.by_email(session, f"{key}@millwright.example")
    if found is None:
        raise LookupError(f"nobody in the demonstration is called {key}")
    return found
