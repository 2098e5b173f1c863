//! A row's body: records one after the other, as one protobuf message.

use bytes::Bytes;
use prost::Message;

use crate::{LogError, NewRecord, Stored};

#[derive(Clone, PartialEq, Message)]
struct Body {
    #[prost(message, repeated, tag = "1")]
    records: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(bytes = "bytes", tag = "1")]
    value: Bytes,
    #[prost(string, tag = "2")]
    traceparent: String,
}

/// Adds a record to a row's body: bodies concatenate.
pub(super) fn write(body: &mut Vec<u8>, record: &NewRecord) {
    let entry = Entry {
        value: record.value.clone(),
        traceparent: record.traceparent.as_deref().unwrap_or_default().to_owned(),
    };
    prost::encoding::message::encode(1, &entry, body);
}

/// The records of a row whose first one has `base_offset`.
pub(super) fn read(base_offset: u64, appended_at: i64, body: Vec<u8>) -> Result<Vec<Stored>, LogError> {
    let body = Body::decode(Bytes::from(body))
        .map_err(|error| LogError::Poison(format!("the row of offset {base_offset} is damaged: {error}")))?;
    let stored = |(offset, entry): (u64, Entry)| Stored {
        offset,
        appended_at,
        value: entry.value,
        traceparent: (!entry.traceparent.is_empty()).then(|| entry.traceparent.into()),
    };
    Ok((base_offset..).zip(body.records).map(stored).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_written() {
        let records = [
            NewRecord { value: Bytes::from_static(b"one"), traceparent: None },
            NewRecord { value: Bytes::new(), traceparent: Some("00-trace".into()) },
        ];
        let mut body = Vec::new();
        records.iter().for_each(|record| write(&mut body, record));
        let stored = read(7, 99, body).unwrap();
        let back: Vec<_> = stored
            .iter()
            .map(|stored| NewRecord { value: stored.value.clone(), traceparent: stored.traceparent.clone() })
            .collect();
        assert_eq!(back, records);
        assert_eq!(
            stored.iter().map(|stored| (stored.offset, stored.appended_at)).collect::<Vec<_>>(),
            [(7, 99), (8, 99)]
        );
    }

    #[test]
    fn a_damaged_row_is_poison() {
        assert!(matches!(read(0, 0, vec![0xff; 9]), Err(LogError::Poison(_))));
    }
}
