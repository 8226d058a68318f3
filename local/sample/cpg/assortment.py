"""The master data of the imaginary company: categories, brands, packs and regions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pack:
    size: str
    kind: str
    mrp: float
    sub_category: str


@dataclass(frozen=True)
class Category:
    name: str
    code: str
    brands: tuple[str, ...]
    rivals: tuple[str, ...]
    packs: tuple[Pack, ...]
    weekly_units: float
    """Typical weekly units of one SKU in an average region."""
    promo_elasticity: float
    season_swing: float
    season_peak_week: int
    festive_lift: float


@dataclass(frozen=True)
class Region:
    code: str
    name: str
    zone: str
    state: str
    city_tier: str
    population: int
    weight: float
    modern_trade_share: float
    ecommerce_share: float
    season_sharpness: float


CATEGORIES = (
    Category(
        "Biscuits", "BIS", ("Sunehra", "Kurkura Bites"), ("Golden Oven", "Desi Crunch", "Others"),
        (Pack("100 g", "Flow wrap", 20, "Glucose"), Pack("250 g", "Flow wrap", 45, "Digestive"),
         Pack("400 g", "Box", 90, "Cookies"), Pack("75 g", "Flow wrap", 15, "Cream")),
        820, 2.1, 0.06, 2, 0.30,
    ),
    Category(
        "Tea", "TEA", ("Chai Raja", "Nilgiri Gold"), ("Assam Pride", "Kadak", "Others"),
        (Pack("250 g", "Pouch", 140, "Leaf"), Pack("500 g", "Jar", 275, "Dust"),
         Pack("100 pcs", "Box", 190, "Bags"), Pack("1 kg", "Pouch", 520, "Leaf")),
        310, 1.7, 0.22, 1, 0.10,
    ),
    Category(
        "Noodles", "NOO", ("Jhatpat",), ("Two Minute Star", "Wok It", "Others"),
        (Pack("70 g", "Pouch", 14, "Masala"), Pack("280 g", "Multipack", 56, "Masala"),
         Pack("560 g", "Multipack", 108, "Atta"), Pack("65 g", "Cup", 50, "Cup")),
        690, 2.3, 0.12, 30, 0.06,
    ),
    Category(
        "Soft drinks", "DRK", ("Thandak", "Nimbu Pop"), ("Fizzo", "Cola Bharat", "Others"),
        (Pack("250 ml", "PET bottle", 20, "Lemon"), Pack("750 ml", "PET bottle", 40, "Cola"),
         Pack("2 l", "PET bottle", 95, "Cola"), Pack("300 ml", "Can", 40, "Mango")),
        760, 2.4, 0.42, 20, 0.08,
    ),
    Category(
        "Detergent", "DET", ("Nirmal Wash",), ("Ujla Plus", "Safed", "Others"),
        (Pack("500 g", "Pouch", 65, "Powder"), Pack("1 kg", "Pouch", 125, "Powder"),
         Pack("250 g", "Wrapper", 25, "Bar"), Pack("1 l", "Bottle", 220, "Liquid")),
        450, 1.9, 0.05, 28, 0.07,
    ),
    Category(
        "Hair care", "HAI", ("Kesh Veda", "Resham"), ("Amla Shakti", "Silk & Shine", "Others"),
        (Pack("90 ml", "Bottle", 55, "Oil"), Pack("180 ml", "Bottle", 130, "Shampoo"),
         Pack("340 ml", "Bottle", 285, "Shampoo"), Pack("6 ml", "Sachet", 2, "Shampoo")),
        360, 1.6, 0.09, 18, 0.07,
    ),
    Category(
        "Snacks", "SNA", ("Masti", "Kurkura Bites"), ("Namkeen Ghar", "Chatpata", "Others"),
        (Pack("40 g", "Pouch", 20, "Namkeen"), Pack("150 g", "Pouch", 50, "Chips"),
         Pack("400 g", "Pouch", 120, "Bhujia"), Pack("1 kg", "Gift box", 340, "Mixture")),
        640, 2.2, 0.07, 45, 0.34,
    ),
    Category(
        "Chocolate", "CHO", ("Mithaas",), ("Cocoa Rani", "Velvet", "Others"),
        (Pack("24 g", "Flow wrap", 20, "Bar"), Pack("110 g", "Flow wrap", 100, "Bar"),
         Pack("180 g", "Gift box", 225, "Assorted"), Pack("12 g", "Flow wrap", 10, "Wafer")),
        420, 1.9, 0.15, 2, 0.45,
    ),
)  # fmt: skip

REGIONS = (
    Region("IN-DL", "Delhi NCR", "North", "Delhi", "Tier 1", 32_900_000, 1.45, 0.36, 0.22, 1.30),
    Region("IN-MH", "Mumbai – Pune", "West", "Maharashtra", "Tier 1", 29_000_000, 1.60, 0.38, 0.24, 0.85),
    Region("IN-KA", "Bengaluru", "South", "Karnataka", "Tier 1", 14_000_000, 1.20, 0.38, 0.28, 0.70),
    Region("IN-TN", "தமிழ்நாடு (Tamil Nadu)", "South", "Tamil Nadu", "Tier 1", 72_100_000, 1.15, 0.30, 0.15, 0.75),
    Region("IN-UP", "Lucknow – Kanpur", "North", "Uttar Pradesh", "Tier 2", 9_800_000, 1.10, 0.14, 0.07, 1.25),
    Region("IN-WB", "Kolkata", "East", "West Bengal", "Tier 1", 15_100_000, 1.00, 0.24, 0.13, 0.95),
    Region("IN-GJ", "Ahmedabad", "West", "Gujarat", "Tier 1", 8_600_000, 0.90, 0.28, 0.14, 1.00),
    Region("IN-RJ", "Jaipur", "North", "Rajasthan", "Tier 2", 4_200_000, 0.65, 0.16, 0.08, 1.20),
    Region("IN-KL", "Kochi", "South", "Kerala", "Tier 2", 3_400_000, 0.60, 0.26, 0.12, 0.60),
    Region("IN-AS", "Guwahati", "East", "Assam", "Tier 3", 1_200_000, 0.38, 0.10, 0.05, 0.90),
    Region("IN-TG", "Hyderabad", "South", "Telangana", "Tier 1", 11_000_000, 1.05, 0.34, 0.24, 0.80),
    Region("IN-PB", "Ludhiana", "North", "Punjab", "Tier 2", 2_000_000, 0.70, 0.18, 0.08, 1.30),
    Region("IN-BR", "Patna", "East", "Bihar", "Tier 2", 2_600_000, 0.62, 0.09, 0.05, 1.10),
    Region("IN-MP", "Indore", "West", "Madhya Pradesh", "Tier 2", 3_400_000, 0.64, 0.15, 0.07, 1.10),
    Region("IN-OD", "Bhubaneswar", "East", "Odisha", "Tier 2", 1_300_000, 0.45, 0.13, 0.06, 0.85),
    Region("IN-GA", "Goa", "West", "Goa", "Tier 3", 1_600_000, 0.35, 0.22, 0.10, 0.60),
)  # fmt: skip
