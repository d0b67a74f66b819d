mod borders;
mod debug;
mod differential;
mod limits;
mod reader;
mod refusal;
mod sizes;
