import SnapbackFFI

// The types of the binding that have the same name as one of the API.

typealias CoreBookmark = SnapbackFFI.Bookmark
typealias CoreBookmarkChange = SnapbackFFI.BookmarkChange
typealias CoreConnectionQuality = SnapbackFFI.ConnectionQuality
typealias CoreAttemptRecord = SnapbackFFI.AttemptRecord
typealias CoreContact = SnapbackFFI.Contact
typealias CoreDiscoItem = SnapbackFFI.DiscoItem
typealias CoreEvent = SnapbackFFI.Event
typealias CoreFileUpload = SnapbackFFI.FileUpload
typealias CoreHistoryMessage = SnapbackFFI.HistoryMessage
typealias CoreHistoryPage = SnapbackFFI.HistoryPage
typealias CoreInboundRequest = SnapbackFFI.InboundRequest
typealias CoreIqAnswer = SnapbackFFI.IqAnswer
typealias CoreJid = SnapbackFFI.Jid
typealias CoreNodeEvent = SnapbackFFI.NodeEvent
typealias CoreNodeItem = SnapbackFFI.NodeItem
typealias CoreNodeOptions = SnapbackFFI.NodeOptions
typealias CoreReply = SnapbackFFI.Reply
typealias CoreRoomChange = SnapbackFFI.RoomChange
typealias CoreRoomEvent = SnapbackFFI.RoomEvent
typealias CoreRoomExit = SnapbackFFI.RoomExit
typealias CoreRoomInfo = SnapbackFFI.RoomInfo
typealias CoreRoomLoss = SnapbackFFI.RoomLoss
typealias CoreRoomMember = SnapbackFFI.RoomMember
typealias CoreRoomOccupant = SnapbackFFI.RoomOccupant
typealias CoreRoomRefusal = SnapbackFFI.RoomRefusal
typealias CoreRoster = SnapbackFFI.Roster
typealias CoreStanzaAddress = SnapbackFFI.StanzaAddress
typealias CoreStanzaId = SnapbackFFI.StanzaId
typealias CoreState = SnapbackFFI.ConnectionState
typealias CoreTimeline = SnapbackFFI.Timeline
typealias CoreFlight = SnapbackFFI.Flight
typealias CoreDialReport = SnapbackFFI.DialReport
typealias CoreUploadService = SnapbackFFI.UploadService
typealias CoreUploadSlot = SnapbackFFI.UploadSlot
typealias CoreRoomInvitation = SnapbackFFI.RoomInvitation
