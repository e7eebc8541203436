//! The machine around the program: the service manager, its watchdog, the board, and the cores.

pub mod board;
pub mod heartbeat;
pub mod notify;
pub mod threads;
