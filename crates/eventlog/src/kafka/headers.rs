//! What stands around a record's value: its key, and CloudEvents' headers (binary mode of its Kafka binding), so that
//! anybody's tools can tell what it is. The value is complete without them; only `traceparent` is read back.

use std::sync::Arc;

use jiff::Timestamp;
use prost::Message as _;
use rdkafka::message::{BorrowedHeaders, Header, Headers as _, OwnedHeaders};

use crate::{
    Key, NewRecord, Stream,
    proto::{Cause, Control, Envelope, Header as RecordHeader, Service, control::Kind as Said},
};

const TRACEPARENT: &str = "traceparent";

/// Says by its bytes what a record is: the name of a protobuf message, e.g. `perennial.account.v1.Usage`.
pub type Kind = fn(Stream, &[u8]) -> &'static str;

/// A record's key, `workspace/account`, and its headers.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) key: String,
    pub(super) headers: OwnedHeaders,
}

pub(super) fn around(kind: &'static str, record: &NewRecord) -> Around {
    let Envelope { header, control } = Envelope::decode(&*record.value).unwrap_or_default();
    let header = header.unwrap_or_default();
    let mut headers = OwnedHeaders::new_with_capacity(8)
        .insert(text("ce_specversion", "1.0"))
        .insert(text("ce_id", &id(&header, control.as_ref())))
        .insert(text("ce_source", &format!("/perennial/{}", source(header.service()))))
        .insert(text("ce_type", kind))
        .insert(text("content-type", "application/protobuf"));
    if let Some(at) = time(&header) {
        headers = headers.insert(text("ce_time", &at));
    }
    if !header.account.is_empty() {
        headers = headers.insert(text("ce_subject", &header.account));
    }
    if let Some(traceparent) = record.traceparent.as_deref() {
        headers = headers.insert(text(TRACEPARENT, traceparent));
    }
    Around { key: Key::new(header.workspace, header.account).to_string(), headers }
}

/// The trace that a record was written in.
pub(super) fn traceparent(headers: Option<&BorrowedHeaders>) -> Option<Arc<str>> {
    let header = headers?.iter().find(|header| header.key == TRACEPARENT)?;
    std::str::from_utf8(header.value?).ok().map(Arc::from)
}

fn text<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header { key, value: Some(value) }
}

fn source(service: Service) -> &'static str {
    match service {
        Service::Unspecified | Service::Ingest => "ingest",
        Service::HealthScore => "health-score",
        Service::Segmentation => "segmentation",
        Service::Workflow => "workflow",
    }
}

/// The fact's own id; of a decision what it follows from, and whom it is about; of a word to the engine what it says.
/// With the source it is one for ever.
fn id(header: &RecordHeader, control: Option<&Control>) -> String {
    match (&header.id, &header.cause, control.and_then(|control| control.kind.as_ref())) {
        (id, _, _) if !id.is_empty() => hex(id),
        (_, Some(Cause { partition, offset, index }), _) => {
            // One record may lead to something for many accounts, each counted from 0.
            format!("{partition}.{offset}.{index}.{}/{}", header.workspace, header.account)
        }
        (_, _, Some(Said::Passed(passed))) => {
            format!("{}.passed.{}", hex(&header.writer), passed.offset)
        }
        (_, _, Some(Said::ClockAdvanced(clock))) => {
            format!("{}.clock.{}.{}", header.workspace, clock.inbox_partition, clock.to_at)
        }
        (_, _, Some(Said::CatalogueVersion(part))) => {
            format!("{}.catalogue.{}.{}", header.workspace, part.version, part.part)
        }
        _ => hex(&header.writer),
    }
}

/// When it happened; of a decision the instant that it was made at.
fn time(header: &RecordHeader) -> Option<String> {
    let at = if header.event_at == 0 { header.instant_at } else { header.event_at };
    (at != 0).then(|| Timestamp::from_millisecond(at).ok()).flatten().map(|at| at.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{concat_record, control_record, proto::Passed};

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// The headers and the key, a line each.
    fn check(header: RecordHeader, control: Option<Said>, traceparent: Option<&str>, expected: &[&str]) {
        let value = match control {
            Some(kind) => control_record(header, kind),
            None => concat_record(header, b""),
        };
        let around = around(
            "perennial.account.v1.Usage",
            &NewRecord { value, traceparent: traceparent.map(Arc::from) },
        );
        let said = around.headers.iter().map(|header| {
            format!("{} {}", header.key, String::from_utf8_lossy(header.value.unwrap_or_default()))
        });
        let common =
            ["ce_specversion 1.0", "ce_type perennial.account.v1.Usage", "content-type application/protobuf"];
        let said: Vec<String> = said.filter(|line| !common.contains(&line.as_str())).collect();
        let key = format!("key {}", around.key);
        assert_eq!(said.iter().chain([&key]).map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_fact_says_what_it_is_where_it_is_from_and_when_it_happened() {
        let header = RecordHeader {
            workspace: "w".into(),
            account: "acme".into(),
            id: vec![0xab; 16].into(),
            event_at: 1_700_000_000_123,
            ..RecordHeader::default()
        };
        check(
            header,
            None,
            Some(TRACE),
            &[
                &format!("ce_id {}", "ab".repeat(16)),
                "ce_source /perennial/ingest",
                "ce_time 2023-11-14T22:13:20.123Z",
                "ce_subject acme",
                &format!("traceparent {TRACE}"),
                "key w/acme",
            ],
        );
    }

    #[test]
    fn a_decision_is_known_by_what_it_follows_from() {
        let header = RecordHeader {
            workspace: "w".into(),
            account: "acme".into(),
            service: Service::Segmentation.into(),
            cause: Some(Cause { partition: 3, offset: 99, index: 1 }),
            instant_at: 1_000,
            ..RecordHeader::default()
        };
        let expected = [
            "ce_id 3.99.1.w/acme",
            "ce_source /perennial/segmentation",
            "ce_time 1970-01-01T00:00:01Z",
            "ce_subject acme",
            "key w/acme",
        ];
        check(header, None, None, &expected);
    }

    #[test]
    fn a_word_to_the_engine_is_known_by_what_it_says() {
        let header = RecordHeader { writer: vec![1; 2].into(), ..RecordHeader::default() };
        let passed = Passed { service: Service::Workflow.into(), offset: 7 };
        let expected = ["ce_id 0101.passed.7", "ce_source /perennial/ingest", "key /"];
        check(header, Some(Said::Passed(passed)), None, &expected);
    }
}
