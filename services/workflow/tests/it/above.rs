//! The services above, with nothing to say: they pass every fact, once they are let.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use eventlog::{
    FORMAT, GENERATION, Log, NewRecord, Stored, Topic, TopicPartition, control_record,
    proto::{Header, Passed, Service, control},
};

const ABOVE: [Service; 2] = [Service::HealthScore, Service::Segmentation];

/// Passes facts on every partition of the account log, until told to stop.
pub(crate) fn pass_everything(log: &Arc<dyn Log>, tasks: &chassis::Tasks, held: &Arc<AtomicBool>) {
    for partition in 0..log.partitions(Topic::Account) {
        let (log, held, shutdown) = (log.clone(), held.clone(), tasks.shutdown());
        tasks.spawn_thread(format!("above {partition}"), move || {
            let at = TopicPartition { topic: Topic::Account, partition };
            let mut from = 0;
            while !shutdown.requested() {
                log.wait(at, from, Duration::from_millis(20));
                if held.load(Ordering::Relaxed) {
                    continue;
                }
                let records = log.fetch(at, from, 1 << 20)?;
                from = records.last().map_or(from, |record| record.offset + 1);
                if let Some(fact) = records.iter().rev().find(|record| is_fact(record)) {
                    log.append(at, ABOVE.map(|service| passed(service, fact.offset)).into(), Box::new(drop));
                }
            }
            Ok(())
        });
    }
}

fn is_fact(record: &Stored) -> bool {
    let Ok((header, envelope)) = engine::read_envelope(record) else { return true };
    let control = envelope.control.and_then(|control| control.kind);
    header.cause.is_none() && !matches!(control, Some(control::Kind::Passed(_)))
}

fn passed(service: Service, offset: u64) -> NewRecord {
    let header = Header { format: FORMAT, generation: GENERATION, ..Header::default() };
    let kind = control::Kind::Passed(Passed { service: service.into(), offset });
    NewRecord { value: control_record(header, kind), traceparent: None }
}
