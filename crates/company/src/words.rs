//! Words that names are made of.

pub(crate) const FIRST: [&str; 40] = [
    "Ada", "Ana", "Anton", "Bea", "Ben", "Carla", "Cem", "Clara", "Dario", "David", "Elif", "Elena", "Emil",
    "Eva", "Felix", "Fatima", "Greta", "Hugo", "Ida", "Ivan", "Jana", "Jonas", "Kofi", "Lea", "Liam", "Lina",
    "Marta", "Mehmet", "Mia", "Milan", "Nadia", "Noah", "Olga", "Oskar", "Paula", "Rosa", "Samir", "Tom",
    "Vera", "Yusuf",
];
pub(crate) const LAST: [&str; 40] = [
    "Adler", "Aydin", "Bauer", "Becker", "Berg", "Costa", "Dietrich", "Duarte", "Engel", "Fischer",
    "Ferrari", "Garcia", "Haas", "Hansen", "Ivanova", "Jansen", "Kaya", "Keller", "Kim", "Kowalski", "Lang",
    "Lee", "Lopez", "Marino", "Meyer", "Moreau", "Novak", "Okafor", "Olsen", "Peters", "Reed", "Romero",
    "Ruiz", "Sato", "Schmidt", "Silva", "Smith", "Tanaka", "Vogel", "Weber",
];
pub(crate) const CSMS: [&str; 12] = [
    "ines.duarte",
    "tomas.novak",
    "amina.okafor",
    "lukas.brandt",
    "sofia.marino",
    "henry.reed",
    "yuki.tanaka",
    "nora.olsen",
    "pedro.silva",
    "judith.haas",
    "omar.aziz",
    "claire.moreau",
];
pub(crate) const COMPANY: [&str; 40] = [
    "Aldenham",
    "Arcadia",
    "Bluewater",
    "Borealis",
    "Brightside",
    "Calder",
    "Cobalt",
    "Copperfield",
    "Delta",
    "Elbe",
    "Evergreen",
    "Falken",
    "Fjord",
    "Granite",
    "Hanse",
    "Harbour",
    "Heron",
    "Iron Bridge",
    "Juniper",
    "Kestrel",
    "Lakeside",
    "Lindenhof",
    "Meridian",
    "Nordwind",
    "Oakridge",
    "Orion",
    "Pinnacle",
    "Quarry",
    "Redstone",
    "Rhein",
    "Sierra",
    "Silverline",
    "Solaris",
    "Summit",
    "Tamarind",
    "Union",
    "Vantage",
    "Westfield",
    "Willow",
    "Zenith",
];
pub(crate) const TRADE: [(&str, &str); 20] = [
    ("Logistics", "logistics"),
    ("Foods", "food"),
    ("Bank", "banking"),
    ("Insurance", "insurance"),
    ("Health", "healthcare"),
    ("Pharma", "pharma"),
    ("Energy", "energy"),
    ("Retail", "retail"),
    ("Media", "media"),
    ("Software", "software"),
    ("Telecom", "telecommunications"),
    ("Motors", "automotive"),
    ("Steel", "manufacturing"),
    ("Machines", "manufacturing"),
    ("Textiles", "manufacturing"),
    ("Consulting", "professional services"),
    ("Travel", "travel"),
    ("Learning", "education"),
    ("Properties", "real estate"),
    ("Council", "government"),
];
/// Countries with their share of accounts, the hours by which they are ahead of UTC, time zone, and whether German is spoken.
pub(crate) const COUNTRIES: [(&str, f64, i32, &str, bool); 7] = [
    ("US", 0.40, -5, "America/New_York", false),
    ("GB", 0.15, 0, "Europe/London", false),
    ("NL", 0.05, 1, "Europe/Amsterdam", false),
    ("FR", 0.05, 1, "Europe/Paris", false),
    ("DE", 0.25, 1, "Europe/Berlin", true),
    ("AT", 0.05, 1, "Europe/Vienna", true),
    ("CH", 0.05, 1, "Europe/Zurich", true),
];
pub(crate) const CURRENCY: &str = "USD";
/// Titles of executives, and of everybody else, in English and in German.
pub(crate) const EXECUTIVES: [(&str, &str); 8] = [
    ("Chief Operating Officer", "Vorstand Operations"),
    ("VP Operations", "Bereichsleiter Operations"),
    ("Chief Financial Officer", "Kaufmännischer Geschäftsführer"),
    ("VP Finance", "Bereichsleiterin Finanzen"),
    ("Chief Information Officer", "Leiter IT (CIO)"),
    ("SVP Supply Chain", "Geschäftsführerin"),
    ("Managing Director", "Geschäftsführer"),
    ("VP Customer Experience", "Mitglied der Geschäftsleitung"),
];
pub(crate) const TITLES: [(&str, &str); 20] = [
    ("Operations Director", "Leiter Betrieb"),
    ("Director of Analytics", "Leiterin Analyse"),
    ("Finance Manager", "Teamleiter Finanzen"),
    ("IT Manager", "IT-Leiter"),
    ("Marketing Manager", "Marketingleiterin"),
    ("Procurement Manager", "Einkaufsleiter"),
    ("Team Lead Reporting", "Teamleiterin Berichtswesen"),
    ("Business Analyst", "Referent Controlling"),
    ("Data Analyst", "Datenanalystin"),
    ("Financial Controller", "Controller"),
    ("Accountant", "Buchhalterin"),
    ("Network Engineer", "Netzwerkadministrator"),
    ("Enterprise Architect", "IT-Architekt"),
    ("Security Engineer", "Referentin IT-Sicherheit"),
    ("Software Engineer", "Softwareentwickler"),
    ("Planner", "Disponentin"),
    ("Project Manager", "Projektleiter"),
    ("Sales Operations Specialist", "Sachbearbeiterin Vertrieb"),
    ("Customer Service Agent", "Sachbearbeiter Kundendienst"),
    ("Assistant", "Assistenz"),
];
pub(crate) const GOALS: [&str; 6] =
    ["faster closing", "fewer errors", "one view of stock", "managed service", "audit trail", "self-service"];
pub(crate) const TECHNOLOGIES: [&str; 8] =
    ["salesforce", "sap", "snowflake", "azure", "aws", "tableau", "servicenow", "excel"];
pub(crate) const INTEGRATIONS: [&str; 5] = ["salesforce", "slack", "sap", "snowflake", "teams"];
pub(crate) const TOPICS: [&str; 5] = ["how-to", "bug", "performance", "billing", "access"];
pub(crate) const SETUP: [&str; 5] = ["sso", "import", "roles", "dashboards", "training"];
/// Core events with the feature each stands for, the most used first. `RENAMED` is called otherwise half-way.
pub(crate) const CORE: [(&str, &str); 10] = [
    ("Dashboard Viewed", "dashboards"),
    ("Report Exported", "reports"),
    ("Record Updated", "records"),
    ("Query Run", "queries"),
    ("Comment Added", "collaboration"),
    ("Alert Configured", "alerts"),
    ("Approval Given", "approvals"),
    ("Workflow Run", "workflows"),
    ("Forecast Updated", "forecasts"),
    ("Template Used", "templates"),
];
pub(crate) const RENAMED: (&str, &str) = ("Report Exported", "Report Downloaded");
/// Plans with how many of the core features each has.
pub(crate) const PLANS: [(&str, usize); 3] = [("starter", 5), ("team", 7), ("enterprise", 10)];
