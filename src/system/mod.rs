//! The machine around the program: the service manager, its watchdog, the board and what is wired to it, and the cores.

pub mod addresses;
pub mod board;
pub mod heartbeat;
pub mod inspection;
pub mod notify;
pub mod passed_sockets;
pub mod surroundings;
pub mod thermal;
pub mod threads;
pub mod wiring;
