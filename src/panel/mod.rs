//! Lamps, buzzer and button: what a person sees from across the room, and the one thing that can be answered there.
//!
//! ```text
//!  Status ---> face (pattern, button: pure) ---> gpio ---> lamps, buzzer
//!  db <--- acknowledged --- task <--- gpio <--- button
//! ```

pub mod button;
pub mod face;
pub mod gpio;
pub mod pattern;
pub mod task;
