//! What the console says, as data: pages show it, and the API answers with it.

pub(super) mod outbox;
pub(super) mod review;
pub(super) mod series;
pub(super) mod site;
pub(super) mod timeline;
