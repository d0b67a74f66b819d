mod borders;
mod debug;
mod differential;
mod exact;
mod limits;
mod reader;
mod refusal;
mod sizes;
