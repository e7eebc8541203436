//! The machine around the program: the service manager, its watchdog, and the board.

pub mod board;
pub mod heartbeat;
pub mod notify;
