//! The purchase log of CDNOW, 1997 to 1998: 23,570 customers, 69,659 purchases.
//!
//! Invariant: purchases come by date, those of one day in the order of the file, and numbers as they are written there.

use std::io::Read;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use jiff::civil::Date;
use serde_json::{Number, Value, json};

const LOG: &[u8] = include_bytes!("../../demo/cdnow.csv.gz");

/// One purchase: a line of the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Purchase {
    /// Where it stands in the file, from 1: what makes its message id.
    number: usize,
    pub(crate) customer: String,
    pub(crate) day: Date,
    quantity: Number,
    revenue: Number,
}

/// The whole log, by date.
pub(crate) fn purchases() -> Result<Vec<Purchase>> {
    let mut text = String::new();
    GzDecoder::new(LOG).read_to_string(&mut text).context("the purchase log cannot be unpacked")?;
    by_date(&text)
}

fn by_date(text: &str) -> Result<Vec<Purchase>> {
    let lines = text.lines().skip(1).zip(1..);
    let mut purchases = lines.map(|(line, number)| purchase(number, line)).collect::<Result<Vec<_>>>()?;
    purchases.sort_by_key(|purchase| purchase.day);
    Ok(purchases)
}

/// `00001,19970101,1,11.77`.
fn purchase(number: usize, line: &str) -> Result<Purchase> {
    let mut words = line.split(',');
    let mut word = || words.next().with_context(|| format!("purchase {number} is too short"));
    Ok(Purchase {
        number,
        customer: word()?.to_owned(),
        day: Date::strptime("%Y%m%d", word()?)?,
        quantity: word()?.parse()?,
        revenue: word()?.parse()?,
    })
}

impl Purchase {
    /// The purchase in Segment's form: the customer is the account and its only contact.
    pub(crate) fn call(&self) -> Value {
        json!({
            "type": "track",
            "event": "Order Completed",
            "messageId": format!("cdnow-{}", self.number),
            "userId": self.customer,
            "context": {"groupId": self.customer},
            "timestamp": format!("{}T12:00:00Z", self.day),
            "properties": {"revenue": self.revenue, "quantity": self.quantity},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{by_date, purchases};

    #[test]
    fn purchases_come_by_date_and_ties_in_file_order() {
        let text = "header\n00001,19970102,1,11.77\n00002,19970101,2,12.00\n00002,19970101,5,77.10\n";
        let ids: Vec<String> =
            by_date(text).unwrap().iter().map(|p| p.call()["messageId"].to_string()).collect();
        assert_eq!(ids, [r#""cdnow-2""#, r#""cdnow-3""#, r#""cdnow-1""#]);
    }

    #[test]
    fn a_purchase_is_an_order_at_noon_with_its_numbers_as_written() {
        let call = by_date("header\n00002,19970101,5,77.10\n").unwrap()[0].call();
        assert_eq!(call["timestamp"], "1997-01-01T12:00:00Z");
        assert_eq!(call["properties"].to_string(), r#"{"quantity":5,"revenue":77.10}"#);
        assert_eq!((&call["userId"], &call["context"]["groupId"]), (&"00002".into(), &"00002".into()));
    }

    #[test]
    fn the_log_is_whole() {
        let purchases = purchases().unwrap();
        let customers: std::collections::BTreeSet<_> = purchases.iter().map(|p| &p.customer).collect();
        assert_eq!((purchases.len(), customers.len()), (69_659, 23_570));
    }
}
