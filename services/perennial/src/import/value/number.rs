//! Numbers as people and spreadsheets write them: `1,234.50`, `1.234,50`, `$ 1 234`, `€12'000`.

/// What stands before the fraction; the other of the two groups thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decimal {
    Point,
    Comma,
}

/// The largest whole part that ingest takes: millionths in 64 bits.
const LARGEST: u64 = 9_223_372_036_854;

/// Currencies whose minor unit is not a hundredth. Source: ISO 4217.
const WITHOUT_MINOR: [&str; 16] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
    "XPF",
];
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// How many digits a currency's minor unit takes.
pub(crate) fn digits_of(currency: &str) -> u8 {
    let code = currency.trim().to_uppercase();
    match code.as_str() {
        code if WITHOUT_MINOR.contains(&code) => 0,
        code if THOUSANDTHS.contains(&code) => 3,
        _ => 2,
    }
}

impl Decimal {
    pub(crate) const ALL: [Self; 2] = [Self::Point, Self::Comma];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Comma => "comma",
        }
    }

    fn mark(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }

    fn grouping(self) -> char {
        match self {
            Self::Point => ',',
            Self::Comma => '.',
        }
    }

    /// The number as JSON writes it.
    pub(crate) fn number(self, text: &str) -> Result<String, String> {
        let Parts { negative, whole, fraction } = self.parts(text.trim_end_matches('%'), text)?;
        let sign = if negative { "-" } else { "" };
        let number = if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") };
        within(&number, text)?;
        Ok(format!("{sign}{number}"))
    }

    /// An amount of money in minor units, of so many digits.
    pub(crate) fn minor(self, text: &str, digits: u8) -> Result<String, String> {
        let amount = without_currency(text);
        let Parts { negative, whole, fraction } = self.parts(&amount, text)?;
        let fraction = fraction.trim_end_matches('0');
        let digits = usize::from(digits);
        if fraction.len() > digits {
            return Err(format!("{text:?} has more than {digits} digits after the decimal {}", self.name()));
        }
        let minor = format!("{whole}{fraction:0<digits$}");
        let minor = minor.trim_start_matches('0');
        let minor = if minor.is_empty() { "0" } else { minor };
        within(minor, text)?;
        Ok(format!("{}{minor}", if negative { "-" } else { "" }))
    }

    fn parts(self, number: &str, text: &str) -> Result<Parts, String> {
        let wrong = || {
            let other = if self == Self::Point { Self::Comma } else { Self::Point };
            let hint = if text.contains(self.grouping()) {
                format!(" (is its decimal mark the {}? then say `decimal: {}`)", other.name(), other.name())
            } else {
                String::new()
            };
            format!("{text:?} is no number{hint}")
        };
        let bare: String = number.chars().filter(|c| !c.is_whitespace() && *c != '\'').collect();
        let (negative, bare) = signed(&bare);
        let (whole, fraction) = bare.split_once(self.mark()).unwrap_or((bare, ""));
        let groups: Vec<&str> = whole.split(self.grouping()).collect();
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let (first, others) = groups.split_first().ok_or_else(wrong)?;
        let well = groups.iter().all(|group| digits(group))
            && digits(fraction)
            && others.iter().all(|group| group.len() == 3)
            && (others.is_empty() || (1..=3).contains(&first.len()))
            && !(whole.is_empty() && fraction.is_empty());
        if !well {
            return Err(wrong());
        }
        let whole = groups.concat();
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        Ok(Parts { negative, whole: whole.to_owned(), fraction: fraction.to_owned() })
    }
}

struct Parts {
    negative: bool,
    /// Without zeros before it.
    whole: String,
    fraction: String,
}

/// Without `$`, `€` or `USD` before or behind it.
fn without_currency(text: &str) -> String {
    let text: String = text.chars().filter(|c| c.is_alphanumeric() || "-+.,()' ".contains(*c)).collect();
    let is_code = |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
    let text = text.trim();
    let first = text.get(..3).filter(|code| is_code(code)).map(|_| &text[3..]);
    let last =
        || text.len().checked_sub(3).filter(|at| text.get(*at..).is_some_and(is_code)).map(|at| &text[..at]);
    first.or_else(last).unwrap_or(text).trim().to_owned()
}

/// `-12`, and as bookkeepers write it `(12)`.
fn signed(number: &str) -> (bool, &str) {
    if let Some(inner) = number.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return (true, inner);
    }
    match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    }
}

fn within(number: &str, text: &str) -> Result<(), String> {
    let whole = number.split('.').next().unwrap_or_default();
    match whole.parse::<u64>() {
        Ok(whole) if whole < LARGEST => Ok(()),
        _ => Err(format!("{text:?} is too large: {LARGEST} is the most")),
    }
}
