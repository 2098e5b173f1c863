//! What ingest keeps in Postgres. Every statement in full; a connection sees the workspaces it was opened for.

mod contacts;
mod definitions;
mod projection;
mod quarantine;
mod workspaces;

pub(crate) use contacts::{Name, NewContact, StoredContact, contact, put_contacts, put_names};
pub(crate) use definitions::{
    NewVersion, StoredVersion, insert_version, mark_in_force, newest_version, to_hand_over, version,
    versions, workspaces_to_hand_over,
};
pub(crate) use projection::project;
pub(crate) use quarantine::{
    NewRefused, Refused, Unheard, forget_quarantined, heard, put_quarantine, quarantined, quarantined_list,
    unheard,
};
pub(crate) use workspaces::{
    StoredKey, StoredWorkspace, chance, create_key, create_workspace, find_key, hold, keys, lock_workspace,
    revoke_key, set_clock, set_key_quota, set_workspace_quota, workspace, workspaces,
};
