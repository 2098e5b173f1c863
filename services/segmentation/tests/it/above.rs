//! health-score as the log has it: it passes every fact, and scores one account as
//! usage named `Scored N` tells it to.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contracts::account::{AccountRecord, Band, HealthChanged, account_record::Kind};
use eventlog::{
    FORMAT, GENERATION, Log, NewRecord, Stored, Topic, TopicPartition, control_record,
    proto::{Cause, Header, Passed, Service, control},
};
use prost::Message;

/// Goes on on every partition of the account log until told to stop.
pub(crate) fn score(log: &Arc<dyn Log>, tasks: &chassis::Tasks) {
    for partition in 0..log.partitions(Topic::Account) {
        let (log, shutdown) = (log.clone(), tasks.shutdown());
        tasks.spawn_thread(format!("above {partition}"), move || {
            let at = TopicPartition { topic: Topic::Account, partition };
            let mut above = Above { partition, waiting: Vec::new(), links: HashMap::new() };
            let mut from = 0;
            while !shutdown.requested() {
                log.wait(at, from, Duration::from_millis(20));
                let records = log.fetch(at, from, 1 << 20)?;
                from = records.last().map_or(from, |record| record.offset + 1);
                let said: Vec<_> = records.iter().flat_map(|record| above.follows(record)).collect();
                if !said.is_empty() {
                    log.append(at, said, Box::new(drop));
                }
            }
            Ok(())
        });
    }
}

/// What it remembers of a partition: facts that wait for the clock, in order, and each account's last cause.
struct Above {
    partition: u32,
    waiting: Vec<(Header, u32)>,
    links: HashMap<String, Cause>,
}

impl Above {
    /// What follows from a record: that it is passed; from an advance of the clock, the scores of what waited first.
    fn follows(&mut self, record: &Stored) -> Vec<NewRecord> {
        let Ok(AccountRecord { header: Some(header), control, kind }) =
            AccountRecord::decode(record.value.clone())
        else {
            return Vec::new();
        };
        match (kind, control.and_then(|control| control.kind)) {
            (_, Some(control::Kind::Passed(_))) => return Vec::new(),
            _ if header.cause.is_some() => return Vec::new(),
            (_, Some(control::Kind::ClockAdvanced(_))) => {
                let waiting = std::mem::take(&mut self.waiting);
                let scores = (0..).zip(waiting).map(|(index, (fact, points))| {
                    let cause = Cause { partition: self.partition, offset: record.offset, index };
                    let before = self.links.insert(fact.account.clone(), cause);
                    score_record(&fact, cause, before, points)
                });
                return scores.chain([passed(record.offset)]).collect();
            }
            (Some(Kind::Usage(usage)), _) => {
                let points = usage.event.strip_prefix("Scored ").and_then(|n| n.parse().ok());
                self.waiting.extend(points.map(|points| (header, points)));
            }
            _ => {}
        }
        vec![passed(record.offset)]
    }
}

fn score_record(fact: &Header, cause: Cause, before: Option<Cause>, points: u32) -> NewRecord {
    let header = Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: fact.workspace.clone(),
        account: fact.account.clone(),
        event_at: fact.due_at,
        service: Service::HealthScore.into(),
        cause: Some(cause),
        before,
        instant_at: fact.due_at,
        fact_id: fact.id.clone(),
        catalogue_version: 1,
        ..Header::default()
    };
    let band = if points < 40 { Band::Red } else { Band::Green };
    let change = HealthChanged { score: Some(points), band: band.into(), ..HealthChanged::default() };
    let record =
        AccountRecord { header: Some(header), control: None, kind: Some(Kind::HealthChanged(change)) };
    NewRecord { value: record.encode_to_vec().into(), traceparent: None }
}

fn passed(offset: u64) -> NewRecord {
    let header = Header { format: FORMAT, generation: GENERATION, ..Header::default() };
    let kind = control::Kind::Passed(Passed { service: Service::HealthScore.into(), offset });
    NewRecord { value: control_record(header, kind), traceparent: None }
}
