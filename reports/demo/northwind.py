"""Northwind Traders: a trading house in New York, fifteen people, much travel."""

from __future__ import annotations

from cards.controls import Limit
from cards.models import CardMode, CardUsage, Interval
from reports.demo.cast import (
    Ask,
    Attempt,
    Deed,
    DemoCompany,
    Envelope,
    Fate,
    Habit,
    Once,
    OutOfPocket,
    Person,
    Place,
    PocketFate,
    Program,
    Routine,
    Shop,
    Subscription,
    Team,
    Trips,
    Turn,
    Unfinished,
    Wallet,
)  # fmt: skip

UBER, LYFT = Shop("Uber", "4121", "US", 11_40, 58_80), Shop("Lyft", "4121", "US", 9_80, 49_50)
YELLOW_CAB = Shop("NYC Taxi", "4121", "US", 9_30, 41_20)
AIRLINES = (
    Shop("Delta Air Lines", "3058", "US", 188_00, 742_00), Shop("United Airlines", "3000", "US", 204_00, 810_00),
    Shop("JetBlue Airways", "3174", "US", 119_00, 468_00), Shop("American Airlines", "3001", "US", 176_00, 690_00),
)  # fmt: skip
HOTELS = (
    Shop("Marriott", "3509", "US", 318_00, 1_120_00), Shop("Hilton", "3504", "US", 289_00, 980_00),
    Shop("Hyatt", "3640", "US", 302_00, 1_040_00), Shop("Westin", "3513", "US", 340_00, 1_190_00),
)  # fmt: skip
COFFEE = (Shop("Starbucks", "5814", "US", 4_95, 21_60), Shop("Blue Bottle Coffee", "5814", "US", 5_50, 19_80))
LUNCH = (
    Shop("Sweetgreen", "5814", "US", 13_40, 46_20), Shop("Chipotle", "5814", "US", 11_85, 62_30),
    Shop("Shake Shack", "5814", "US", 12_60, 54_10), Shop("Joe's Pizza", "5812", "US", 14_00, 88_00),
)  # fmt: skip
DINNER = (
    Shop("Blue Hill", "5812", "US", 96_00, 412_00), Shop("Gramercy Tavern", "5812", "US", 88_00, 386_00),
    Shop("Balthazar", "5812", "US", 64_00, 298_00),
)  # fmt: skip
CHICAGO = Place("Chicago", AIRLINES, HOTELS, (UBER, LYFT), (
    Shop("Lou Malnati's Pizzeria", "5812", "US", 22_00, 96_00), Shop("Girl & the Goat", "5812", "US", 58_00, 264_00), *COFFEE))  # fmt: skip
BART = Shop("BART Clipper", "4111", "US", 5_00, 20_00)
ZUNI = Shop("Zuni Cafe", "5812", "US", 54_00, 238_00)
SAN_FRANCISCO = Place("San Francisco", AIRLINES, HOTELS, (UBER, LYFT, BART), (
    Shop("Tartine Bakery", "5462", "US", 9_40, 38_00, recode="Meals"), ZUNI, *COFFEE))  # fmt: skip
AUSTIN = Place("Austin", AIRLINES, HOTELS, (UBER, Shop("Hertz", "3357", "US", 92_00, 318_00)), (
    Shop("Franklin Barbecue", "5812", "US", 24_00, 128_00), Shop("Uchi", "5812", "US", 62_00, 246_00), *COFFEE))  # fmt: skip
LONDON = Place("London", (Shop("British Airways", "3005", "GB", 612_00, 1_480_00), Shop("Virgin Atlantic", "4511", "GB", 588_00, 1_390_00)),
    (Shop("The Hoxton", "7011", "GB", 460_00, 1_290_00),), (Shop("Transport for London", "4111", "GB", 3_60, 16_20),
    Shop("Addison Lee", "4121", "GB", 24_00, 92_00)), (Shop("Dishoom", "5812", "GB", 28_00, 142_00),
    Shop("Pret A Manger", "5814", "GB", 6_20, 22_40)))  # fmt: skip
AT_HOME = (CHICAGO, SAN_FRANCISCO, AUSTIN)

STAPLES, WHOLE_FOODS = Shop("Staples", "5943", "US", 18_30, 264_00), Shop("Whole Foods Market", "5411", "US", 34_10, 168_60)
APPLE, DELL = Shop("Apple Store", "5732", "US", 79_00, 1_399_00), Shop("Dell Technologies", "5045", "US", 189_00, 1_680_00, "Equipment")
FEDEX, USPS = Shop("FedEx", "4215", "US", 16_00, 96_00), Shop("USPS", "9402", "US", 8_70, 44_20)
ADOBE = Shop("Adobe", "5734", "US", 59_99, 59_99)
CASINO, BETS = Shop("Lucky Star Casino", "7995", "US", 150_00, 400_00), Shop("FanDuel", "7995", "US", 50_00, 100_00)
# Charged twice; and paid by card, and claimed as well.
TWICE = tuple(Once(STAPLES, days_ago, 86_40, "Toner") for days_ago in (11, 10))
COPIES = Shop("Copy Shop", "5943", "US", 58_90, 58_90)
SPONSOR = Shop("Eventbrite", "7922", "US", 180_00, 940_00)
GAMBLING, CASH = "7995", "6011"

CLIENTS = ("Lunch with Fabrikam", "Dinner with the buyers of Contoso", "Client lunch, spring order", "Dinner with Tailspin Toys")
VISITS = (
    "Fabrikam, quarterly review",
    "Contoso, contract renewal",
    "Trade fair",
    "Tailspin Toys, new range",
    "Wide World Importers, pitch",
)
ERRANDS = ("Kitchen and meeting rooms", "Printer paper and toner", "Welcome pack for a new colleague", "Whiteboards for the third floor")
KIT = ("Laptop for a new engineer", "Replacement monitor", "Docking stations", "Test devices")


def _lunch(per_month: float) -> Habit:
    return Routine((*LUNCH, *COFFEE), per_month, (11, 14), ("Team lunch", "Lunch with a candidate"))


def _guests(per_month: float) -> Habit:
    return Routine(DINNER, per_month, (18, 21), CLIENTS)


SUBSCRIPTIONS = (
    Routine((Shop("Amazon Web Services", "7372", "US", 1_480_00, 2_240_00),), 1, (3, 5), ("Hosting, monthly invoice",)),
    Subscription(Shop("Salesforce", "7372", "US", 1_050_00, 1_050_00), 2, 7, "CRM, 14 seats"),
    Subscription(Shop("WeWork", "6513", "US", 2_900_00, 2_900_00), 1, 9, "Desks, Hudson Square"),
    Subscription(Shop("Google Workspace", "7372", "US", 216_00, 216_00), 4),
    Subscription(Shop("Figma", "5734", "US", 225_00, 225_00), 8, 5),
    Subscription(Shop("GitHub", "7372", "US", 252_00, 252_00), 12),
    Subscription(Shop("Slack", "4816", "US", 183_75, 183_75), 15, 11),
    Subscription(Shop("Verizon Business", "4814", "US", 312_40, 312_40), 20, 3),
    Subscription(Shop("Con Edison", "4900", "US", 268_15, 268_15), 22, 8),
    Subscription(Shop("Notion", "5734", "US", 120_00, 120_00), 25),
)
ALICE, DANA, FRANK, GRACE = ("alice@northwind.example", "dana@northwind.example", "frank@northwind.example", "grace@northwind.example")
ERIN, HENRY, MAYA, TOM = ("erin@northwind.example", "henry@northwind.example", "maya@northwind.example", "tom@northwind.example")
PRIYA, DIEGO, LENA, VICTOR = ("priya@northwind.example", "diego@northwind.example", "lena@northwind.example", "victor@northwind.example")
BOB, AUDREY, CLARA = "bob@northwind.example", "audrey@northwind.example", "clara@jensen-accounting.example"

NORTHWIND = DemoCompany(
    name="Northwind Traders", country="US", currency="USD", time_zone="America/New_York", cushion=20_000_00, pace=0.9,
    bookkeeper=FRANK, runs_it=DANA,
    categories=(("Rent and coworking", "6850", ("6513",)), ("Events and sponsoring", "6610", ("7922",))),
    blocks={"blocked_merchant_categories": ["6051"], "blocked_merchants": ["Crypto Kiosk"], "blocked_countries": ["IR", "KP"]},
    lull={7: 0.75, 8: 0.65, 11: 1.1, 12: 0.8, 1: 0.9},
    programs=(
        Program("Payroll", ("people:read", "reimbursements:read")),
        Program("Data warehouse", ("transactions:read", "reports:read", "accounts:read", "exports:write")),
    ),
    teams=(Team("Operations", DANA), Team("Finance", FRANK, inside="Operations"), Team("Sales", GRACE),
           Team("Field sales", HENRY, inside="Sales"), Team("Engineering", PRIYA)),
    people=(
        Person("Alice Moreau", ALICE, "owner", department="Operations", wallets=(
            Wallet("Leadership", (Trips((LONDON, SAN_FRANCISCO), 0.35, VISITS), _guests(1.2), Routine((UBER, YELLOW_CAB), 1)),
                   monthly=8_000_00),)),
        Person("Dana Whitfield", DANA, "admin", ALICE, "Operations", (
            Wallet("Facilities", (Routine((Shop("The Home Depot", "5200", "US", 24_00, 310_00), STAPLES), 1.3, memos=ERRANDS),
                                  Routine((Shop("Indeed", "7311", "US", 180_00, 620_00, "Professional services"),), 0.6,
                                          memos=("Job advertisement",)), _lunch(1)), cap=2_000_00, mode=CardMode.APPROVAL_REFILL,
                   limits=(Limit(Interval.ALL_TIME, 4_000_00),), budget="Company"),)),
        Person("Frank Osei", FRANK, "finance", DANA, "Finance", (
            Wallet("Subscriptions", SUBSCRIPTIONS, cap=5_000_00, monthly=10_000_00, budget="Company"),)),
        Person("Grace Lindqvist", GRACE, "employee", ALICE, "Sales", (
            Wallet("Sales leadership", (Trips((*AT_HOME, LONDON), 0.6, VISITS), _guests(1.8), _lunch(1.5)), monthly=6_500_00,
                   blocked=(GAMBLING, CASH), budget="Sales"),
            Wallet("Trade fair stand", (Once(SPONSOR, 20, 840_00, "Stand at the spring fair"),), cap=900_00, usage=CardUsage.SINGLE_USE))),
        Person("Priya Raman", PRIYA, "employee", ALICE, "Engineering", (
            Wallet("Engineering lead", (Trips((SAN_FRANCISCO,), 0.3, ("Platform conference", "Supplier workshop")), _lunch(2)),
                   monthly=3_500_00, budget="Engineering"),
            Wallet("Datadog", (Routine((Shop("Datadog", "7372", "US", 310_00, 520_00),), 1, memos=("Monitoring",)),),
                   usage=CardUsage.MERCHANT_LOCKED, merchant="Datadog", monthly=600_00, limits=(Limit(Interval.MONTH, count=2),)))),
        Person("Erin Walsh", ERIN, "employee", GRACE, "Field sales", (
            Wallet("Sales travel", (Trips(AT_HOME, 1.0, VISITS), _lunch(2.2), _guests(1.8), Routine((UBER, LYFT), 2.2),
                                    Once(COPIES, 3, 58_90, "Handouts for the fair")), cap=2_500_00,
                   monthly=5_000_00, blocked=(GAMBLING, CASH), limits=(Limit(Interval.WEEK, 3_500_00), Limit(Interval.DAY, count=10)),
                   budget="Sales"),)),
        Person("Henry Cole", HENRY, "employee", GRACE, "Field sales", (
            Wallet("Sales travel", (Trips(AT_HOME, 0.9, VISITS), _lunch(2), _guests(1.2), Routine((UBER, YELLOW_CAB), 1.5)), cap=2_500_00,
                   monthly=5_000_00, blocked=(GAMBLING, CASH), budget="Sales"),
            Wallet("Backup", (Routine((FEDEX,), 0.3, memos=("Samples",)),), monthly=500_00))),
        Person("Maya Castillo", MAYA, "employee", GRACE, "Sales", (
            Wallet("Advertising", (Routine((Shop("Google Ads", "7311", "US", 900_00, 2_600_00),), 1, (4, 6), ("Search campaign",)),
                                   Routine((Shop("LinkedIn", "7311", "US", 320_00, 980_00),), 1, (6, 8), ("Lead campaign",)),
                                   Routine((SPONSOR,), 0.5, memos=("Stand at a trade fair",))), monthly=6_000_00, budget="Spring campaign"),
            Wallet("Everyday", (_lunch(2), Routine((Shop("Moo Print", "7338", "US", 42_00, 260_00),), 0.5, memos=("Business cards",))),
                   cap=400_00, monthly=900_00, budget="Sales"))),
        Person("Bob Tanaka", BOB, "employee", DANA, "Operations", (
            Wallet("Office", (Routine((STAPLES, WHOLE_FOODS), 4, memos=ERRANDS), Routine((FEDEX, USPS), 2.5), _lunch(1),
                              Routine((APPLE,), 0.3, memos=KIT), *TWICE), cap=1_500_00, monthly=3_500_00,
                   limits=(Limit(Interval.WEEK, count=12), Limit(Interval.YEAR, 30_000_00)), budget="Company"),)),
        Person("Diego Fuentes", DIEGO, "employee", PRIYA, "Engineering", (
            Wallet("Hardware", (Routine((DELL, APPLE, Shop("B&H Photo", "5732", "US", 38_00, 690_00)), 1.1, memos=KIT), _lunch(1.2)),
                   cap=2_000_00, monthly=4_000_00, budget="Engineering"),
            Wallet("Conference", (Once(AIRLINES[1], 8, 412_60, "Flight to the platform conference"),), mode=CardMode.ZERO_UNTIL_GRANTED),
            Wallet("Conference ticket", cap=1_200_00, usage=CardUsage.SINGLE_USE))),
        Person("Lena Novak", LENA, "employee", PRIYA, "Engineering", (
            Wallet("Tools", (Routine((Shop("O'Reilly Media", "8299", "US", 39_00, 49_00), Shop("Udemy", "8299", "US", 18_99, 94_99)), 1,
                                     memos=("Course",)), _lunch(1.3),
                             Subscription(Shop("JetBrains", "5734", "US", 89_90, 89_90), 6, 6)), cap=500_00, monthly=1_000_00,
                    budget="Engineering"),)),
        Person("Tom Becker", TOM, "employee", GRACE, "Field sales", left=18, wallets=(
            Wallet("Sales travel", (Trips((CHICAGO,), 0.4, VISITS), _lunch(1.5)), cap=2_000_00, monthly=4_000_00),)),
        Person("Victor Hale", VICTOR, "employee", PRIYA, "Engineering", left=124, wallets=(
            Wallet("Tools", (_lunch(1.5), Subscription(ADOBE, 17)), monthly=800_00),)),
        Person("Audrey Klein", AUDREY, "auditor"),
        Person("Clara Jensen", CLARA, "finance", department="Finance"),
    ),
    turns=(Turn(150, Deed.REPLACE, LENA, DANA, "Tools"), Turn(124, Deed.DEACTIVATE, VICTOR, DANA),
           Turn(18, Deed.FREEZE, TOM, DANA, "Sales travel"), Turn(18, Deed.SUSPEND, TOM, DANA),
           Turn(9, Deed.FREEZE, HENRY, HENRY, "Backup"),
           Turn(10, Deed.GRANT, DIEGO, DANA, "Conference", minor=1_800_00, days=30, reason="Platform conference, San Francisco"),
           Turn(4, Deed.GRANT, ERIN, DANA, "Sales travel", minor=1_000_00, days=18, reason="Second trip to Fabrikam this month"),
           Turn(3, Deed.INVITE, "ravi@northwind.example", DANA, department="Field sales")),
    attempts=(
        Attempt(401, ERIN, "Sales travel", CASINO, 220_00, 22), Attempt(262, HENRY, "Sales travel", CASINO, 150_00, 23),
        Attempt(4, HENRY, "Sales travel", BETS, 60_00, 21),
        Attempt(96, ERIN, "Sales travel", BETS, 50_00, 21), Attempt(40, GRACE, "Sales leadership", CASINO, 180_00, 22),
        Attempt(338, BOB, "Office", APPLE, 2_399_00), Attempt(187, DIEGO, "Hardware", DELL, 3_260_00, 11),
        Attempt(61, BOB, "Office", APPLE, 1_799_00), Attempt(12, LENA, "Tools", DELL, 689_00, 10),
        Attempt(298, MAYA, "Advertising", SPONSOR, 7_500_00, 10), Attempt(133, MAYA, "Advertising", SPONSOR, 6_800_00, 9),
        Attempt(14, DIEGO, "Conference", AIRLINES[1], 412_60, 10),
        Attempt(31, MAYA, "Everyday", SPONSOR, 1_250_00, 9), Attempt(145, LENA, "Tools (old)", ADOBE, 59_99, 3),
        Attempt(113, VICTOR, "Tools", ADOBE, 59_99, 3), Attempt(83, VICTOR, "Tools", ADOBE, 59_99, 3),
        Attempt(52, VICTOR, "Tools", ADOBE, 59_99, 3), Attempt(15, TOM, "Sales travel", UBER, 24_80, 8),
        Attempt(6, HENRY, "Backup", FEDEX, 38_40, 16)),
    budgets=(
        Envelope("Company", ALICE, 190_000_00, "year"),
        Envelope("Sales", GRACE, 9_500_00, inside="Company", members=(ERIN, HENRY, MAYA)),
        Envelope("Spring campaign", MAYA, 60_000_00, "all_time", inside="Sales", is_hard=True, members=(ERIN,)),
        Envelope("Engineering", PRIYA, 1_600_00, inside="Company", members=(DIEGO, LENA))),
    asks=(
        Ask(58, LENA, "card", "Conference", 1_200_00, "Ticket and hotel for the platform conference", "Engineering", by=PRIYA, answered=1),
        Ask(36, BOB, "raise", "Office", 5_000_00, "Kitchen for the third floor", by=DANA, answered=2, is_yes=False,
            answer="Let us rent it until the lease is signed"),
        Ask(27, ERIN, "grant", "Sales travel", 800_00, "Dinner with twelve buyers of Contoso", days=9, by=GRACE),
        Ask(16, MAYA, "raise", "Everyday", 1_200_00, "Samples are sent from this card now", by=GRACE, answered=1),
        Ask(4, ERIN, "card", "Trade fair", 2_500_00, "Stand and travel for the spring fair", "Spring campaign"),
        Ask(2, HENRY, "grant", "Sales travel", 600_00, "Two visits in Austin in one week", days=14),
        Ask(2, DIEGO, "card", "Test devices", 1_500_00, "Phones for the mobile team", "Engineering"),
        Ask(1, GRACE, "raise", "Sales leadership", 8_000_00, "More visits before the year ends")),
    claims=(
        OutOfPocket(46, HENRY, "Parking Austin", "Parking at Contoso", ((38_00, "Travel", ""),)),
        OutOfPocket(41, ERIN, "Trattoria Roma", "Dinner with Fabrikam", ((64_50, "Meals", ""),), currency="EUR", rate="1.0837"),
        OutOfPocket(38, BOB, "Corner Hardware", "Shelf for the post room", ((72_40, "Office supplies", ""),), PocketFate.CAME_BACK),
        OutOfPocket(12, ERIN, "City of Chicago", "Parking and toll", ((22_00, "Travel", "Parking"), (9_75, "Travel", "Toll"))),
        OutOfPocket(9, LENA, "Corner Books", "Books for the team", ((54_20, "Training and education", ""),)),
        OutOfPocket(6, DIEGO, "Home Office Mart", "Chair for home", ((189_00, "Office supplies", ""),), PocketFate.REJECTED,
                    answer="Chairs come from the office, please"),
        OutOfPocket(4, HENRY, "Taxi London", "From Heathrow to Contoso", ((61_40, "Travel", ""),), currency="GBP", rate="1.2655"),
        OutOfPocket(2, ERIN, "Copy Shop", "Handouts for the fair", ((58_90, "Office supplies", ""),), PocketFate.WAITING),
        OutOfPocket(2, ERIN, "Taxi Chicago", "To the airport", ((47_00, "Travel", ""),), PocketFate.DRAFT)),
    unfinished=(
        Unfinished(ERIN, Fate.SENT_BACK, 1, 50_00), Unfinished(ERIN, Fate.NO_MEMO, 1, 500_00), Unfinished(ERIN, Fate.WAITING, 2, 50_00),
        Unfinished(ERIN, Fate.NO_RECEIPT, 4), Unfinished(HENRY, Fate.WAITING, 2, 50_00), Unfinished(HENRY, Fate.SENT_BACK, 1, 50_00),
        Unfinished(HENRY, Fate.NO_RECEIPT, 3), Unfinished(MAYA, Fate.WAITING, 1, 50_00), Unfinished(MAYA, Fate.NO_RECEIPT, 1),
        Unfinished(DIEGO, Fate.SENT_BACK, 1, 50_00),
        Unfinished(GRACE, Fate.WAITING, 2, 50_00), Unfinished(GRACE, Fate.NO_RECEIPT, 2), Unfinished(PRIYA, Fate.NO_RECEIPT, 2),
        Unfinished(PRIYA, Fate.WAITING, 1, 50_00),
        Unfinished(DANA, Fate.WAITING, 1, 50_00), Unfinished(DANA, Fate.NO_RECEIPT, 1),
        Unfinished(BOB, Fate.NO_RECEIPT, 3), Unfinished(BOB, Fate.WAITING, 1, 50_00),
        Unfinished(DIEGO, Fate.WAITING, 1, 50_00), Unfinished(DIEGO, Fate.NO_RECEIPT, 1), Unfinished(LENA, Fate.NO_RECEIPT, 1),
        Unfinished(ALICE, Fate.NO_RECEIPT, 1), Unfinished(FRANK, Fate.NO_RECEIPT, 1)),
)  # fmt: skip
