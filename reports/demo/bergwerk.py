"""Bergwerk GmbH: a maker of mining equipment in Berlin, twelve people, a workshop."""

from __future__ import annotations

from cards.controls import Limit
from cards.models import CardUsage, Interval
from reports.demo.cast import (
    Ask,
    Attempt,
    Deed,
    DemoCompany,
    Envelope,
    Fate,
    Habit,
    Person,
    Place,
    Routine,
    Shop,
    Subscription,
    Team,
    Trips,
    Turn,
    Unfinished,
    Wallet,
)  # fmt: skip

BAHN, TAXI = Shop("Deutsche Bahn", "4112", "DE", 29_90, 189_00), Shop("FREENOW", "4121", "DE", 11_20, 44_60)
LUFTHANSA = Shop("Lufthansa", "3008", "DE", 164_00, 612_00)
HOTELS = (Shop("Motel One", "7011", "DE", 158_00, 420_00), Shop("Leonardo Hotels", "7011", "DE", 174_00, 468_00))
INNS = (Shop("Gasthof zur Post", "5812", "DE", 18_40, 94_00), Shop("Vapiano", "5812", "DE", 14_90, 58_00))
BAKER = Shop("Backwerk", "5462", "DE", 4_20, 18_90, "Meals")
ESSEN = Place("Essen", (BAHN,), HOTELS, (TAXI,), (*INNS, BAKER))
FREIBERG = Place("Freiberg", (BAHN,), HOTELS, (TAXI,), (*INNS, BAKER))
WANDL = Shop("Hotel Wandl", "7011", "AT", 240_00, 560_00)
VIENNA = Place("Wien", (LUFTHANSA,), (WANDL,), (Shop("Taxi 40100", "4121", "AT", 16_00, 48_00),),
    (Shop("Figlmüller", "5812", "AT", 24_00, 118_00), BAKER))  # fmt: skip
HORNBACH, BAUHAUS = Shop("Hornbach", "5200", "DE", 14_95, 388_00), Shop("Bauhaus", "5200", "DE", 12_80, 296_00)
WUERTH, CONRAD = Shop("Würth", "5072", "DE", 48_00, 640_00), Shop("Conrad Electronic", "5065", "DE", 22_50, 310_00)
ARAL, SHELL = Shop("Aral", "5541", "DE", 58_20, 104_40), Shop("Shell", "5541", "DE", 54_10, 112_90)
POST, DHL = Shop("Deutsche Post", "9402", "DE", 8_50, 41_00), Shop("DHL Express", "4215", "DE", 18_90, 142_00)
REWE, MEDIAMARKT = Shop("REWE", "5411", "DE", 16_40, 92_00), Shop("MediaMarkt", "5732", "DE", 39_00, 899_00)
CASINO = Shop("Spielbank Berlin", "7995", "DE", 100_00, 300_00)
VISITS = ("Abnahme beim Kunden", "Messe", "Wartungsvertrag RAG", "Angebot Förderband", "Lieferantengespräch")
JOBS = ("Auftrag 2231", "Auftrag 2247", "Ersatzteile Presse", "Werkzeug Halle 2", "Auftrag 2260")


def _lunch(per_month: float) -> Habit:
    return Routine((*INNS, BAKER), per_month, (11, 14), ("Mittagessen mit Kunden", "Team"))


SUBSCRIPTIONS = (
    Subscription(Shop("Hetzner Online", "7372", "DE", 318_40, 318_40), 2, 5),
    Subscription(Shop("Personio", "7372", "DE", 214_00, 214_00), 5, 9),
    Subscription(Shop("Deutsche Telekom", "4814", "DE", 139_95, 139_95), 10),
    Subscription(Shop("DATEV", "7372", "DE", 172_50, 172_50), 14, 8),
    Subscription(Shop("Vattenfall", "4900", "DE", 486_00, 486_00), 18, 4, "Strom Halle 1 und 2"),
    Subscription(Shop("Allianz", "6300", "DE", 228_60, 228_60), 21, 10),
)
MALLORY, STEFAN, NADJA = "mallory@bergwerk.example", "stefan@bergwerk.example", "nadja@bergwerk.example"
JONAS, FELIX, MIRIAM, KATRIN = "jonas@bergwerk.example", "felix@bergwerk.example", "miriam@bergwerk.example", "katrin@bergwerk.example"
LUKAS, ANNA, SOPHIE, PETER = "lukas@bergwerk.example", "anna@bergwerk.example", "sophie@bergwerk.example", "peter@bergwerk.example"
CLARA = "clara@jensen-accounting.example"

BERGWERK = DemoCompany(
    name="Bergwerk GmbH", country="DE", currency="EUR", time_zone="Europe/Berlin", cushion=8_000_00, pace=0.84,
    bookkeeper=NADJA, runs_it=STEFAN,
    categories=(("Beiträge", "6860", ("8699",)),),
    blocks={"blocked_countries": ["KP"]},
    lull={7: 0.8, 8: 0.55, 10: 1.1, 12: 0.75, 1: 0.9},
    teams=(Team("Verwaltung", STEFAN), Team("Buchhaltung", NADJA, inside="Verwaltung"), Team("Produktion", JONAS),
           Team("Werkstatt", FELIX, inside="Produktion"), Team("Vertrieb", KATRIN)),
    people=(
        Person("Mallory Brandt", MALLORY, "owner", department="Verwaltung", wallets=(
            Wallet("Geschäftsführung", (Trips((VIENNA, ESSEN), 0.3, VISITS), _lunch(1.2), Routine((TAXI,), 0.8)), monthly=6_000_00),)),
        Person("Stefan Krüger", STEFAN, "admin", MALLORY, "Verwaltung", (
            Wallet("Verwaltung", (Routine((REWE, Shop("Viking", "5943", "DE", 18_00, 160_00)), 2.5, memos=("Büro", "Küche")),
                                  Routine((POST, DHL), 2)), cap=800_00, monthly=2_000_00, budget="Betrieb"),)),
        Person("Nadja Roth", NADJA, "finance", STEFAN, "Buchhaltung", (
            Wallet("Abonnements", SUBSCRIPTIONS, monthly=3_500_00, budget="Betrieb"),)),
        Person("Jonas Weber", JONAS, "employee", MALLORY, "Produktion", (
            Wallet("Produktion", (Routine((WUERTH, CONRAD), 1.8, memos=JOBS), _lunch(1)), cap=1_500_00, monthly=3_500_00),
            Wallet("Tankkarte", (Routine((ARAL, SHELL), 2, (7, 18)),), monthly=600_00, allowed=("5541", "5542"), countries=("DE", "AT"),
                   limits=(Limit(Interval.WEEK, 300_00), Limit(Interval.DAY, count=3))))),
        Person("Felix Bauer", FELIX, "employee", JONAS, "Werkstatt", (
            Wallet("Werkstatt", (Routine((HORNBACH, BAUHAUS, WUERTH), 3.4, memos=JOBS),), cap=800_00, monthly=2_500_00,
                   budget="Werkstatt"),)),
        Person("Miriam Yıldız", MIRIAM, "employee", JONAS, "Werkstatt", (
            Wallet("Werkstatt", (Routine((HORNBACH, CONRAD), 1.6, memos=JOBS), Routine((BAKER,), 1, (8, 10))), cap=500_00,
                   monthly=1_200_00, budget="Werkstatt"),)),
        Person("Katrin Vogel", KATRIN, "employee", MALLORY, "Vertrieb", (
            Wallet("Vertrieb", (Trips((ESSEN, FREIBERG, VIENNA), 0.5, VISITS), _lunch(1.6)), monthly=4_500_00, blocked=("7995",),
                   budget="Vertrieb"),)),
        Person("Lukas Hoffmann", LUKAS, "employee", KATRIN, "Vertrieb", (
            Wallet("Vertrieb", (Trips((ESSEN, FREIBERG), 0.6, VISITS), _lunch(1.2), Routine((ARAL, SHELL), 1.5, (7, 18))),
                   monthly=3_500_00, blocked=("7995",), budget="Vertrieb"),)),
        Person("Anna Schuster", ANNA, "employee", KATRIN, "Vertrieb", (
            Wallet("Vertrieb", (Routine((BAHN,), 1.5, memos=VISITS), _lunch(1)), monthly=2_000_00, blocked=("7995",), budget="Vertrieb"),)),
        Person("Sophie Lang", SOPHIE, "employee", STEFAN, "Verwaltung", (
            Wallet("IT", (Routine((MEDIAMARKT,), 0.7, memos=("Monitor", "Ersatzgerät")),), cap=1_000_00,
                   monthly=1_800_00),
            Wallet("IONOS", (Subscription(Shop("IONOS", "4816", "DE", 34_00, 34_00), 9),), usage=CardUsage.MERCHANT_LOCKED,
                   limits=(Limit(Interval.MONTH, 40_00), Limit(Interval.YEAR, 500_00))))),
        Person("Peter Albers", PETER, "auditor"),
        Person("Clara Jensen", CLARA, "finance", department="Buchhaltung"),
    ),
    turns=(Turn(210, Deed.REPLACE, LUKAS, STEFAN, "Vertrieb"),),
    attempts=(
        Attempt(352, JONAS, "Tankkarte", HORNBACH, 46_80), Attempt(170, JONAS, "Tankkarte", INNS[0], 31_20, 12),
        Attempt(240, LUKAS, "Vertrieb", CASINO, 200_00, 22), Attempt(118, SOPHIE, "IT", MEDIAMARKT, 1_249_00),
        Attempt(74, FELIX, "Werkstatt", WUERTH, 1_120_00, 10), Attempt(25, JONAS, "Tankkarte", REWE, 22_15, 18),
        Attempt(8, MIRIAM, "Werkstatt", CONRAD, 579_00)),
    budgets=(Envelope("Betrieb", MALLORY, 120_000_00, "year"),
             Envelope("Werkstatt", JONAS, 4_000_00, inside="Betrieb", members=(FELIX, MIRIAM)),
             Envelope("Vertrieb", KATRIN, 5_000_00, inside="Betrieb", members=(LUKAS, ANNA)),
             Envelope("Messe Essen", KATRIN, 6_000_00, "all_time", inside="Vertrieb", is_hard=True, members=(LUKAS,))),
    asks=(Ask(30, FELIX, "grant", "Werkstatt", 400_00, "Ersatzteile für Auftrag 2260", days=10, by=JONAS),
          Ask(12, ANNA, "raise", "Vertrieb", 3_000_00, "Mehr Reisen nach Essen", by=KATRIN, is_yes=False, answer="Erst ab Januar"),
          Ask(3, LUKAS, "card", "Messe", 2_000_00, "Stand und Reise", "Messe Essen")),
    unfinished=(
        Unfinished(LUKAS, Fate.WAITING, 2, 50_00), Unfinished(FELIX, Fate.WAITING, 1, 50_00), Unfinished(KATRIN, Fate.WAITING, 2, 50_00),
        Unfinished(JONAS, Fate.WAITING, 1, 50_00), Unfinished(FELIX, Fate.NO_RECEIPT, 2), Unfinished(LUKAS, Fate.NO_RECEIPT, 2),
        Unfinished(ANNA, Fate.SENT_BACK, 1, 50_00), Unfinished(STEFAN, Fate.NO_RECEIPT, 1), Unfinished(MALLORY, Fate.NO_RECEIPT, 1)),
)  # fmt: skip
