//! A mapping from its file; what is wrong is shown where it stands.

use domain::catalogue::suggestion;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{LIST, Mapping, Origin, Source, Values, known};
use crate::document::{Document, Problem};
use crate::import::call::MAX_NAME;
use crate::import::kind::{Kind, Slot};
use crate::import::value::{Decimal, Order, Type};

/// Currencies have at most four.
const DIGITS: u64 = 6;

/// Reads a mapping of rows of the kind. With `columns`, every one that is named must be among them.
pub(crate) fn read(document: &Document, kind: Kind, columns: Option<&[String]>) -> Result<Mapping, Problem> {
    let json = document.json();
    let Value::Object(entries) = &json else {
        return Err(document.problem("", "a mapping is written NAME: COLUMN"));
    };
    let reader = Reader { document, columns };
    reader.known("", entries, kind.slots().iter().map(|slot| slot.name()).chain(["kind", kind.values()]))?;
    reader.check_kind(kind, entries.get("kind"))?;
    let mut mapping = Mapping { kind, slots: [].into(), values: Values::Each([].into()) };
    for slot in kind.slots() {
        let value = entries.get(slot.name()).filter(|value| !value.is_null());
        if let Some(value) = value {
            mapping.slots.insert(*slot, reader.slot(*slot, value)?);
        }
    }
    mapping.values = reader.values(kind, entries.get(kind.values()))?;
    match mapping.missing() {
        Some(missing) => Err(document.problem("", &missing)),
        None => Ok(mapping),
    }
}

struct Reader<'a> {
    document: &'a Document,
    columns: Option<&'a [String]>,
}

impl Reader<'_> {
    fn known<'n>(
        &self,
        path: &str,
        entries: &Map<String, Value>,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Result<(), Problem> {
        let known: Vec<&str> = known.into_iter().collect();
        match entries.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => {
                let nearest = suggestion(key, known.iter().copied());
                let nearest =
                    if nearest.is_empty() { format!("; there are {}", known.join(", ")) } else { nearest };
                Err(self.document.problem(&below(path, key), &format!("unknown key `{key}`{nearest}")))
            }
            None => Ok(()),
        }
    }

    fn check_kind(&self, kind: Kind, said: Option<&Value>) -> Result<(), Problem> {
        match said {
            None => Ok(()),
            Some(Value::String(name)) if Kind::parse(name) == Some(kind) => Ok(()),
            Some(_) => {
                let message = format!("this is no mapping of {}: import what it says", kind.name());
                Err(self.document.problem("kind", &message))
            }
        }
    }

    fn slot(&self, slot: Slot, value: &Value) -> Result<Source, Problem> {
        let mut source = self.source(slot.name(), value)?;
        match (slot, &source.kind) {
            (Slot::Time, Type::Text) => source.kind = Type::Time(Order::Ymd, TimeZone::UTC),
            (Slot::Time, Type::Time(..)) | (_, Type::Text) => {}
            (Slot::Time, _) => return Err(self.document.problem("time.as", "it is a time")),
            _ => return Err(self.document.problem(&format!("{}.as", slot.name()), "it is a text")),
        }
        Ok(source)
    }

    fn values(&self, kind: Kind, value: Option<&Value>) -> Result<Values, Problem> {
        let path = kind.values();
        match value {
            None | Some(Value::Null) => Ok(Values::Each([].into())),
            Some(Value::String(column)) => {
                self.check_column(path, column)?;
                Ok(Values::Whole(column.clone()))
            }
            Some(Value::Object(entries)) => {
                let source = |(name, value): (&String, &Value)| {
                    self.check_name(&below(path, name), name)?;
                    self.check_term(kind, &below(path, name), name)?;
                    Ok((name.clone(), self.source(&below(path, name), value)?))
                };
                Ok(Values::Each(entries.iter().map(source).collect::<Result<_, _>>()?))
            }
            Some(_) => Err(self.document.problem(path, "they are written NAME: COLUMN")),
        }
    }

    fn source(&self, path: &str, value: &Value) -> Result<Source, Problem> {
        let entries = match value {
            Value::String(column) => {
                self.check_column(path, column)?;
                return Ok(Source::column(column, Type::Text));
            }
            Value::Object(entries) => entries,
            _ => return Err(self.document.problem(path, "a column's name, or {column: NAME, as: TYPE}")),
        };
        let options = ["column", "always", "as", "decimal", "digits", "order", "zone", "separator"];
        self.known(path, entries, options)?;
        let text = |key: &str| self.text(&below(path, key), entries.get(key));
        let origin = match (text("column")?, text("always")?) {
            (Some(column), None) => {
                self.check_column(&below(path, "column"), column)?;
                Origin::Column(column.to_owned())
            }
            (None, Some(always)) => Origin::Always(always.to_owned()),
            _ => return Err(self.document.problem(path, "either column or always is needed")),
        };
        Ok(Source { origin, kind: self.kind(path, entries)? })
    }

    fn kind(&self, path: &str, entries: &Map<String, Value>) -> Result<Type, Problem> {
        let text = |key: &str| self.text(&below(path, key), entries.get(key));
        let decimal = || self.one_of(path, "decimal", entries, &Decimal::ALL.map(|it| (it.name(), it)));
        let order = || self.one_of(path, "order", entries, &Order::ALL.map(|it| (it.name(), it)));
        let name = text("as")?.unwrap_or("text");
        let (kind, own): (_, &[&str]) = match name {
            "text" => (Type::Text, &[]),
            "truth" => (Type::Truth, &[]),
            "number" => (Type::Number(decimal()?.unwrap_or(Decimal::Point)), &["decimal"]),
            "money" => {
                let digits = self.digits(path, entries)?;
                (Type::Money(decimal()?.unwrap_or(Decimal::Point), digits), &["decimal", "digits"])
            }
            "date" => (Type::Date(order()?.unwrap_or(Order::Ymd)), &["order"]),
            "time" => {
                let zone = self.zone(path, text("zone")?)?;
                (Type::Time(order()?.unwrap_or(Order::Ymd), zone), &["order", "zone"])
            }
            "list" => (Type::List(text("separator")?.unwrap_or(LIST).to_owned()), &["separator"]),
            other => {
                let message = format!("unknown word `{other}`{}", suggestion(other, Type::NAMES));
                let message = if message.ends_with('?') {
                    message
                } else {
                    format!("{message}; there are {}", Type::NAMES.join(", "))
                };
                return Err(self.document.problem(&below(path, "as"), &message));
            }
        };
        let mine =
            |key: &&String| ["column", "always", "as"].contains(&key.as_str()) || own.contains(&key.as_str());
        match entries.keys().find(|key| !mine(key)) {
            Some(key) => Err(self.document.problem(&below(path, key), &format!("a {name} has no {key}"))),
            None => Ok(kind),
        }
    }

    fn text<'v>(&self, path: &str, value: Option<&'v Value>) -> Result<Option<&'v str>, Problem> {
        match value {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(self.document.problem(path, "it is a text: put it in quotes")),
        }
    }

    fn one_of<T: Copy>(
        &self,
        path: &str,
        key: &str,
        entries: &Map<String, Value>,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        let path = below(path, key);
        let Some(said) = self.text(&path, entries.get(key))? else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == said) {
            Some((_, word)) => Ok(Some(*word)),
            None => {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                Err(self
                    .document
                    .problem(&path, &format!("unknown word `{said}`; there are {}", known.join(", "))))
            }
        }
    }

    fn digits(&self, path: &str, entries: &Map<String, Value>) -> Result<Option<u8>, Problem> {
        let Some(said) = entries.get("digits") else { return Ok(None) };
        let digits = said.as_u64().filter(|digits| *digits <= DIGITS);
        match digits.and_then(|digits| u8::try_from(digits).ok()) {
            Some(digits) => Ok(Some(digits)),
            None => {
                Err(self.document.problem(&below(path, "digits"), &format!("a number from 0 to {DIGITS}")))
            }
        }
    }

    fn zone(&self, path: &str, name: Option<&str>) -> Result<TimeZone, Problem> {
        let Some(name) = name else { return Ok(TimeZone::UTC) };
        let wrong =
            |_| self.document.problem(&below(path, "zone"), &format!("there is no time zone {name:?}"));
        TimeZone::get(name).map_err(wrong)
    }

    fn check_name(&self, path: &str, name: &str) -> Result<(), Problem> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(self.document.problem(path, &format!("a name has 1 to {MAX_NAME} bytes")));
        }
        Ok(())
    }

    /// A contract has no other terms than those that are known.
    fn check_term(&self, kind: Kind, path: &str, name: &str) -> Result<(), Problem> {
        let known = || known::traits(kind).iter().map(|known| known.name);
        if kind != Kind::Contracts || known().any(|known| known == name) {
            return Ok(());
        }
        let nearest = suggestion(name, known());
        let names = known().collect::<Vec<_>>().join(", ");
        let nearest = if nearest.is_empty() { format!("; there are {names}") } else { nearest };
        Err(self.document.problem(path, &format!("a contract has no `{name}`{nearest}")))
    }

    fn check_column(&self, path: &str, column: &str) -> Result<(), Problem> {
        match self.columns {
            Some(columns) if !columns.iter().any(|known| known == column) => {
                let nearest = suggestion(column, columns.iter().map(String::as_str));
                Err(self.document.problem(path, &format!("the file has no column `{column}`{nearest}")))
            }
            _ => Ok(()),
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
