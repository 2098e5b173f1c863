//! Folding one inbox record, and linking what it forwards.

use std::sync::Arc;

use bytes::Bytes;
use eventlog::{
    Key, NewRecord, Stored, concat_record, control_record,
    proto::{CatalogueVersion, ClockAdvanced, Header, Service, control},
};

use super::{Forward, ForwardContext, ForwardFold, Forwarded, Forwarder, Forwards, Handed};
use crate::{
    Poison,
    guard::guarded,
    planted::{self, Bug},
    record::{self, FactKind, Read, cause_at, dead_letter},
    trace,
};

/// One record's forwards so far: the record, and the index of the next.
struct From<'a> {
    record: &'a Stored,
    index: u32,
    items: u32,
}

impl<F: ForwardFold> Forwarder<F> {
    pub(super) fn fold_record(&mut self, mut record: Stored) {
        record.appended_at = self.contacts.time.pass(record.appended_at);
        let record = &record;
        let mut from = From { record, index: 0, items: 0 };
        let Read::Fact(header, kind) = record::read(record) else { return };
        let is_readable = !matches!(kind, FactKind::Unreadable(_));
        if is_readable && !self.contacts.sources.take(&header) && !planted::is(Bug::HandedAgain) {
            return;
        }
        let outcome = match kind {
            FactKind::Account => self.fold_message(&header, &mut from),
            FactKind::Tick => {
                self.ticker.saw(record.appended_at);
                self.fire_due(&header, &mut from);
                Ok(())
            }
            FactKind::Clock(clock) => {
                self.hand_clock(&header, clock, &mut from);
                Ok(())
            }
            FactKind::Catalogue(part) => self.hand_catalogue(&header, part, &mut from),
            FactKind::Joined(_) => Ok(()),
            FactKind::Unreadable(why) => Err(why),
        };
        if let Err(why) = outcome {
            self.poison(&header, record, &why);
        }
    }

    fn hand_clock(&mut self, header: &Header, clock: ClockAdvanced, from: &mut From<'_>) {
        let id = self.contacts.workspace(&header.workspace);
        let workspace = &mut self.contacts.workspaces[id as usize];
        workspace.clock_at = workspace.clock_at.max(Some(clock.to_at));
        let (inbox_partition, inbox_partitions) = (self.at.partition, self.targets.inboxes);
        let clock = ClockAdvanced { inbox_partition, inbox_partitions, ..clock };
        self.hand_to_all(header, &control::Kind::ClockAdvanced(clock), from);
    }

    fn hand_catalogue(
        &mut self,
        header: &Header,
        part: CatalogueVersion,
        from: &mut From<'_>,
    ) -> Result<(), Poison> {
        let id = self.contacts.workspace(&header.workspace);
        let workspace = &mut self.contacts.workspaces[id as usize];
        if part.version <= workspace.version.version {
            return Ok(());
        }
        let version = workspace.assemble(part.clone())?;
        let compiled = version.map(|version| {
            let fold = &self.fold;
            let compiled = guarded(|| fold.compile(&version, &version.document));
            let failed = compiled.as_ref().err().cloned();
            workspace.install(version, compiled.ok());
            failed.map_or(Ok(()), Err)
        });
        self.hand_to_all(header, &control::Kind::CatalogueVersion(part), from);
        compiled.unwrap_or(Ok(()))
    }

    fn hand_to_all(&mut self, header: &Header, kind: &control::Kind, from: &mut From<'_>) {
        let key = Key::new(header.workspace.clone(), "");
        for target in 0..self.targets.accounts as usize {
            let forward = Header {
                id: header.id.clone(),
                event_at: header.event_at,
                original_at: header.original_at,
                ..self.forward_header(&key, from, target)
            };
            self.forward(target, control_record(forward, kind.clone()), from);
        }
    }

    fn fold_message(&mut self, header: &Header, from: &mut From<'_>) -> Result<(), Poison> {
        if header.workspace.is_empty() || header.account.is_empty() {
            return Err(Poison("a message from nobody".into()));
        }
        let (fold, record) = (&self.fold, from.record);
        let fact = guarded(|| fold.read_fact(header, record))?;
        let id = self.contacts.contact(&self.fold, &header.workspace, &header.account);
        let workspace = self.contacts.all[id as usize].workspace as usize;
        if self.contacts.workspaces[workspace].catalogue.is_none() {
            return Err(Poison("a workspace without catalogue".into()));
        }
        if header.cause.is_none()
            && let Some(identity) = self.fold.identity(header, &fact)
            && !self.contacts.seen.is_new(record.appended_at, identity)
        {
            self.metrics.repeats.add(1);
            return Ok(());
        }
        let due = self.contacts.all[id as usize].wake.is_some_and(|wake| wake <= record.appended_at);
        if due {
            self.fold_contact(id, from, |fold, at, state, out| fold.timer(at, state, out))?;
        }
        self.fold_contact(id, from, |fold, at, state, out| fold.fold(at, state, header, fact, out))
    }

    /// A tick: everybody's timers, in an order that every owner has.
    fn fire_due(&mut self, header: &Header, from: &mut From<'_>) {
        for id in self.contacts.due(from.record.appended_at) {
            let fired = self.fold_contact(id, from, |fold, at, state, out| fold.timer(at, state, out));
            if let Err(why) = fired {
                let key = self.contacts.all[id as usize].key.clone();
                let (workspace, account) = (key.workspace.clone(), key.account.clone());
                self.poison(&Header { workspace, account, ..header.clone() }, from.record, &why);
            }
        }
    }

    /// Folds something into a contact and forwards what follows. A contact whose fold failed on this record before
    /// does not fold it.
    fn fold_contact(
        &mut self,
        id: u32,
        from: &mut From<'_>,
        fold: impl FnOnce(&F, &ForwardContext<'_, F::Catalogue>, &mut F::State, &mut Forwards<F::Item>),
    ) -> Result<(), Poison> {
        let contact = &mut self.contacts.all[id as usize];
        contact.wake = None;
        let key = contact.key.clone();
        if self.is_poisoned(from.record.offset, &key.workspace, &key.account) {
            return Ok(());
        }
        let contact = &mut self.contacts.all[id as usize];
        let workspace = &self.contacts.workspaces[contact.workspace as usize];
        let Some(catalogue) = &workspace.catalogue else { return Ok(()) };
        let at = ForwardContext {
            key: &key,
            catalogue,
            catalogue_version: workspace.version.version,
            clock: workspace.clock,
            clock_at: workspace.clock_at,
            partition: self.at.partition,
            offset: from.record.offset,
            appended_at: from.record.appended_at,
        };
        let mut out = Forwards::default();
        self.metrics.evaluations.add(1);
        let (the_fold, state) = (&self.fold, &mut contact.state);
        let folded = guarded(|| {
            fold(the_fold, &at, state, &mut out);
            Ok(())
        });
        self.damaged |= folded.is_err();
        folded?;
        contact.wake = self.fold.wake(&contact.state).map(|wake| wake.max(from.record.appended_at + 1));
        self.contacts.timers.arm(id, &mut self.contacts.all[id as usize]);
        self.contacts.mark_dirty(id);
        self.send_out(&key, out, from);
        Ok(())
    }

    fn send_out(&mut self, key: &Key, out: Forwards<F::Item>, from: &mut From<'_>) {
        for fact in out.facts {
            let target = self.targets.account(&fact.to);
            let (header, body) = self.addressed(fact, from, target);
            self.hand_on(target, header, &body, from);
        }
        for message in out.messages {
            let target = self.targets.contact(&message.to);
            let (header, body) = self.addressed(message, from, target);
            self.forward(target, concat_record(header, &body), from);
        }
        let Stored { offset, appended_at, .. } = *from.record;
        for item in out.items {
            let (partition, index) = (self.at.partition, from.items);
            from.items += 1;
            self.items.push(Forwarded { partition, offset, index, appended_at, key: key.clone(), item });
        }
    }

    fn addressed(&self, forward: Forward, from: &From<'_>, target: usize) -> (Header, Bytes) {
        let Forward { to, id, event_at, original_at, due_at, body } = forward;
        let header = self.forward_header(&to, from, target);
        (Header { id, event_at, original_at, due_at, ..header }, body)
    }

    /// Forwards a fact, in a span of its own unless it may have been forwarded before: spans are told once.
    fn hand_on(&mut self, target: usize, header: Header, body: &[u8], from: &mut From<'_>) {
        let is_new = from.record.offset >= self.told_to;
        let next_span = if is_new { self.ports.next_span } else { Arc::clone };
        let (traceparent, origin) = trace::follow(next_span, self.at, from.record);
        if let (Some(origin), Some(traceparent)) = (origin, traceparent.clone()) {
            let age = self.ticker.log_time().saturating_sub(origin.appended_at);
            let (workspace, account) = (header.workspace.clone(), header.account.clone());
            (self.ports.act)(&Handed { workspace, account, origin: *origin, traceparent }, age);
        }
        self.push(target, concat_record(header, body), traceparent, from);
    }

    fn forward_header(&self, to: &Key, from: &From<'_>, target: usize) -> Header {
        let partition = self.at.partition;
        let workspace = self.contacts.workspace_named(&to.workspace);
        Header {
            service: Service::Ingest.into(),
            cause: Some(cause_at(partition, (from.record.offset, from.index))),
            before: self.contacts.links[target].map(|before| cause_at(partition, before)),
            catalogue_version: workspace.map_or(0, |workspace| workspace.version.version),
            ..record::header(to, &self.ports.writer)
        }
    }

    fn forward(&mut self, target: usize, value: Bytes, from: &mut From<'_>) {
        self.push(target, value, from.record.traceparent.clone(), from);
    }

    fn push(&mut self, target: usize, value: Bytes, traceparent: Option<Arc<str>>, from: &mut From<'_>) {
        let offset = from.record.offset;
        self.contacts.links[target] = Some((offset, from.index));
        from.index += 1;
        self.metrics.yielded.add(1);
        self.outboxes[target].push(offset, NewRecord { value, traceparent });
    }

    fn is_poisoned(&self, offset: u64, workspace: &str, account: &str) -> bool {
        !self.poisoned.is_empty()
            && self.poisoned.contains(&(offset, workspace.to_owned(), account.to_owned()))
    }

    /// To the dead-letter topic, once; nothing is forwarded of it.
    fn poison(&mut self, header: &Header, record: &Stored, why: &Poison) {
        let entry = (record.offset, header.workspace.clone(), header.account.clone());
        if !self.poisoned.insert(entry) {
            return;
        }
        self.metrics.poison.add(1);
        self.metrics.skipped.add(1);
        let (at, offset) = (self.at, record.offset);
        tracing::warn!(%at, offset, %why, "skipped a message: {at}/{offset}: {why}");
        let key = Key::new(header.workspace.clone(), header.account.clone());
        let letter = Header {
            service: Service::Ingest.into(),
            cause: Some(cause_at(at.partition, (offset, 0))),
            ..record::header(&key, &self.ports.writer)
        };
        self.dead.push(offset, dead_letter(letter, at, record, why));
    }
}
