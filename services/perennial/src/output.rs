//! Tables for people, JSON for programs: the JSON is protobuf's own mapping of the answer.

use std::fmt::Write;

use anyhow::{Context, Result};
use prost::Message;
use prost_reflect::{DynamicMessage, SerializeOptions};

use crate::cli::Output;

/// A list of messages of the type named (`perennial.cta.v1.Cta`).
pub(crate) fn list<M: Message>(
    output: Output,
    message: &str,
    items: &[M],
    headers: &[&str],
    row: impl Fn(&M) -> Vec<String>,
) -> Result<()> {
    match output {
        Output::Table => print!("{}", table(headers, &items.iter().map(row).collect::<Vec<_>>())),
        Output::Json => {
            let items = items.iter().map(|item| json(message, item)).collect::<Result<Vec<_>>>()?;
            println!("{}", serde_json::to_string_pretty(&items)?);
        }
    }
    Ok(())
}

/// One message: as JSON, or in the words given.
pub(crate) fn one<M: Message>(
    output: Output,
    message: &str,
    item: &M,
    words: impl Fn(&M) -> String,
) -> Result<()> {
    match output {
        Output::Table => println!("{}", words(item)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&json(message, item)?)?),
    }
    Ok(())
}

/// Protobuf's JSON of a message.
pub(crate) fn json<M: Message>(message: &str, item: &M) -> Result<serde_json::Value> {
    let pool = contracts::POOL.as_ref().map_err(|error| anyhow::anyhow!(error.clone()))?;
    let descriptor = pool.get_message_by_name(message).with_context(|| format!("no message {message}"))?;
    let dynamic = DynamicMessage::decode(descriptor, item.encode_to_vec().as_slice())?;
    let options = SerializeOptions::new().skip_default_fields(false).use_proto_field_name(true);
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// Columns as wide as their widest cell.
pub(crate) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = headers
        .iter()
        .enumerate()
        .map(|(i, header)| {
            let cells = rows.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count());
            cells.max().unwrap_or_default().max(header.chars().count())
        })
        .collect();
    let mut out = String::new();
    let header: Vec<String> = headers.iter().map(|header| header.to_uppercase()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{json, table};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["name", "n"], &rows), "NAME  N\na     1\nlong  22\n");
    }

    #[test]
    fn an_answer_becomes_protobufs_own_json() {
        let workspace =
            contracts::ingest::Workspace { workspace: "acme".into(), events: 7, ..Default::default() };
        let json = json("perennial.ingest.v1.Workspace", &workspace).unwrap();
        assert_eq!((json["workspace"].as_str(), json["events"].as_str()), (Some("acme"), Some("7")));
    }
}
