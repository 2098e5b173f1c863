//! Moving the time of a log-clock workspace.

use chassis::{Problem, postgres::scoped};
use contracts::log::{ClockAdvanced, ClockKind, Header, control};
use domain::{ids::derived, time::Instant};
use eventlog::{FORMAT, GENERATION, NewRecord, Topic, TopicPartition, control_record};

use crate::{
    catalogue::no_workspace,
    edge::Edge,
    everywhere::{everywhere, in_time},
    store,
};

/// Says to every partition of the inbox, behind all that was taken before, that nothing with an event time up to
/// `to_at` follows on time. Repeating it changes nothing; time does not go back.
pub(crate) async fn advance(edge: &Edge, workspace: &str, to_at: i64) -> Result<(), Problem> {
    let mut conn = scoped(&edge.pool, workspace).await?;
    store::lock_workspace(&mut conn, workspace).await?;
    let settings = store::workspace(&mut conn, workspace).await?.ok_or_else(|| no_workspace(workspace))?;
    if settings.clock() != ClockKind::Log {
        return Err(Problem::precondition(
            "WALL_CLOCK",
            format!("workspace {workspace:?} goes by the wall clock"),
        ));
    }
    if settings.catalogue_version == 0 {
        return Err(Problem::away("the workspace is being made"));
    }
    match settings.clock_at {
        Some(at) if to_at < at => {
            let (at, to) = (Instant(at), Instant(to_at));
            let message = format!("the clock stands at {at}, later than {to}: time does not go back");
            return Err(Problem::precondition("CLOCK_GOES_BACK", message));
        }
        Some(at) if to_at == at => return Ok(()),
        Some(_) | None => {}
    }
    let partitions = edge.log.partitions(Topic::Inbox);
    let landed =
        everywhere(edge.log.as_ref(), Topic::Inbox, |at| vec![record(workspace, to_at, at, partitions)]);
    in_time(landed).await?;
    store::set_clock(&mut conn, workspace, to_at).await?;
    conn.commit().await?;
    edge.untimed.moved(workspace);
    Ok(())
}

fn record(workspace: &str, to_at: i64, at: TopicPartition, partitions: u32) -> NewRecord {
    let id = derived(&[b"clock", workspace.as_bytes(), &to_at.to_be_bytes(), &at.partition.to_be_bytes()]);
    let header = Header {
        format: FORMAT,
        generation: GENERATION,
        workspace: workspace.to_owned(),
        id: contracts::id_bytes(id).into(),
        event_at: to_at,
        original_at: to_at,
        ..Header::default()
    };
    let kind = control::Kind::ClockAdvanced(ClockAdvanced {
        to_at,
        inbox_partition: at.partition,
        inbox_partitions: partitions,
    });
    NewRecord { value: control_record(header, kind), traceparent: None }
}
