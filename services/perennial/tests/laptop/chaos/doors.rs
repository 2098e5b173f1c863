//! Where a cluster's replicas answer just now, for those who call: whoever gets no answer tries another one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use testkit::{
    cluster::{Cluster, SERVICES},
    sim::Rng,
};
use tokio::sync::watch;

use crate::{client::Client, process::Addresses};

/// One watched address a service, and every address of ingest.
#[derive(Clone)]
pub(super) struct Doors(Arc<Inner>);

struct Inner {
    answers: [watch::Sender<Option<Addresses>>; SERVICES.len()],
    ingest: Mutex<Vec<String>>,
    dice: Mutex<Rng>,
}

impl Doors {
    pub(super) fn new(seed: u64) -> Self {
        let answers = SERVICES.map(|_| watch::Sender::new(None));
        Self(Arc::new(Inner { answers, ingest: Mutex::default(), dice: Mutex::new(Rng::new(seed)) }))
    }

    /// Leads to the replicas that run now; of each service to one of them, any.
    pub(super) fn lead_to(&self, cluster: &Cluster) {
        for (index, service) in SERVICES.into_iter().enumerate() {
            let of = cluster.replicas().filter(|(name, ..)| *name == service);
            let all: Vec<Addresses> =
                of.map(|(.., at)| Addresses { http: at.http.clone(), grpc: at.grpc.clone() }).collect();
            if index == 0 {
                *locked(&self.0.ingest) = all.iter().map(|at| at.http.clone()).collect();
            }
            let one = (!all.is_empty()).then(|| locked(&self.0.dice).pick(&all).clone());
            self.0.answers[index].send_replace(one);
        }
    }

    /// A client of one service.
    pub(super) fn client(&self, service: &str) -> Result<Client> {
        let index = SERVICES.iter().position(|name| *name == service).unwrap_or_default();
        Client::new(self.0.answers[index].subscribe())
    }

    /// Where events may go, any place of them; none just now.
    pub(super) fn ingest(&self) -> Option<String> {
        let all = locked(&self.0.ingest);
        (!all.is_empty()).then(|| locked(&self.0.dice).pick(&all).clone())
    }
}

pub(super) fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
