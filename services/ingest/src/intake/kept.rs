//! A record as it lies in the spool.

use eventlog::NewRecord;
use prost::{Message, bytes::Bytes};

use super::Batch;

/// Fields are only ever added: what an older build has left is drained by a newer one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Kept {
    /// Of the inbox.
    #[prost(uint32, tag = "1")]
    pub(super) partition: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) record: Bytes,
    /// Empty: none.
    #[prost(string, tag = "3")]
    pub(super) traceparent: String,
}

/// The bytes of every record, in order.
pub(super) fn encode(batches: &[Batch]) -> Vec<Bytes> {
    let records =
        batches.iter().flat_map(|batch| batch.records.iter().map(|record| (batch.at.partition, record)));
    let kept = records.map(|(partition, record)| Kept {
        partition,
        record: record.value.clone(),
        traceparent: record.traceparent.as_deref().unwrap_or_default().to_owned(),
    });
    kept.map(|kept| kept.encode_to_vec().into()).collect()
}

impl Kept {
    pub(super) fn into_record(self) -> NewRecord {
        let traceparent = Some(self.traceparent).filter(|it| !it.is_empty());
        NewRecord { value: self.record, traceparent: traceparent.map(Into::into) }
    }
}

#[cfg(test)]
mod tests {
    use eventlog::{Topic, TopicPartition};

    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was() {
        let record = |traceparent: Option<&str>| NewRecord {
            value: Bytes::from_static(b"record"),
            traceparent: traceparent.map(Into::into),
        };
        let records = vec![record(None), record(Some("00-trace"))];
        let at = TopicPartition { topic: Topic::Inbox, partition: 3 };
        let kept = encode(&[Batch { at, records: records.clone() }]);
        let back: Vec<Kept> = kept.into_iter().map(|bytes| Kept::decode(bytes).unwrap()).collect();
        assert!(back.iter().all(|kept| kept.partition == 3));
        assert_eq!(back.into_iter().map(Kept::into_record).collect::<Vec<_>>(), records);
    }

    /// Spools outlive builds.
    #[test]
    fn the_bytes_stay_as_they_are() {
        let kept = Kept { partition: 3, record: Bytes::from_static(b"r"), traceparent: "t".into() };
        assert_eq!(kept.encode_to_vec(), [8, 3, 18, 1, b'r', 26, 1, b't']);
    }
}
