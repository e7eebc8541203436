//! The pages, as HTML that works without scripts; scripts keep them fresh and show images.

pub(super) mod account;
pub(super) mod audit;
pub(super) mod day;
pub(super) mod layout;
pub(super) mod outbox;
pub(super) mod parts;
pub(super) mod peers;
pub(super) mod review;
pub(super) mod series;
pub(super) mod site;
pub(super) mod users;
