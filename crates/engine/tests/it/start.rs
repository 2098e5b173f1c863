//! A worker of the toy.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engine::{Decided, Fold, Metrics, Ports, Projected, Settings, Worker, WorkerError};
use eventlog::{Log, Topic, TopicPartition};
use testkit::sim::{
    Desk, Disk,
    toy::{H, ToyFold},
};

pub(crate) const AT: TopicPartition = TopicPartition { topic: Topic::Account, partition: 0 };

type Toys = ToyFold<H>;
pub(crate) type Toyed = Projected<<Toys as Fold>::Decision, <Toys as Fold>::Shown>;
type ToyPorts = Ports<Toyed, Decided<<Toys as Fold>::Decision>>;

/// On that log, from the checkpoint on that disk; what it writes waits at the desk.
pub(crate) fn start(
    log: Arc<dyn Log>,
    disk: &Arc<Mutex<Disk<Toyed>>>,
    settings: Settings,
    metrics: &Arc<Metrics>,
) -> Result<(Desk<Toyed>, Worker<Toys>), WorkerError> {
    let (desk, store) = Desk::open(disk, None);
    let ports: ToyPorts = Ports {
        log,
        store: Box::new(store),
        act: Box::new(|_, _| {}),
        next_span: Arc::clone,
        writer: Bytes::from_static(&[1; 16]),
    };
    Ok((desk, Worker::start(ToyFold::default(), ports, 0, settings, metrics.clone())?))
}
