package im.snapback

/**
 * Reads the SRV records out of an answer of the DNS (RFC 1035 section 4, RFC 2782).
 *
 * The bytes come from whoever runs the network: nothing in them is believed, and every loop is bounded by their length.
 */
internal object SrvAnswer {
    private const val HEADER = 12
    private const val SRV = 33
    private const val INTERNET = 1
    private const val NO_ERROR = 0
    private const val NO_SUCH_NAME = 3
    private const val MAX_NAME = 255

    /** The records; none if the name has none; `null` if the answer cannot be used, and another way should be tried. */
    fun read(answer: ByteArray): List<SrvRecord>? =
        try {
            Reader(answer).records()
        } catch (_: Malformed) {
            null
        }

    private class Malformed : Exception()

    private class Reader(private val bytes: ByteArray) {
        private var position = 0

        fun records(): List<SrvRecord>? {
            if (bytes.size < HEADER) throw Malformed()
            val flags = at(2) shl 8 or at(3)
            val isAnswer = flags and 0x8000 != 0
            val isCut = flags and 0x0200 != 0
            val code = flags and 0x000f
            if (!isAnswer || isCut) return null
            if (code == NO_SUCH_NAME) return emptyList()
            if (code != NO_ERROR) return null
            val questions = at(4) shl 8 or at(5)
            val answers = at(6) shl 8 or at(7)
            position = HEADER
            repeat(questions) {
                name()
                skip(4)
            }
            val records = mutableListOf<SrvRecord>()
            repeat(answers) { record()?.let(records::add) }
            return records
        }

        private fun record(): SrvRecord? {
            name()
            val type = short()
            val category = short()
            skip(4)
            val length = short()
            val end = position + length
            if (end > bytes.size) throw Malformed()
            if (type != SRV || category != INTERNET) {
                position = end
                return null
            }
            val record = SrvRecord(short().toUShort(), short().toUShort(), short().toUShort(), name())
            if (position != end) throw Malformed()
            return record
        }

        /** A name, which may point back to an earlier one. */
        private fun name(): String {
            val labels = StringBuilder()
            var cursor = position
            var after = -1
            while (true) {
                val length = at(cursor)
                when {
                    length == 0 -> {
                        position = if (after < 0) cursor + 1 else after
                        return if (labels.isEmpty()) "." else labels.toString()
                    }
                    length and 0xc0 == 0xc0 -> {
                        val target = length and 0x3f shl 8 or at(cursor + 1)
                        if (after < 0) after = cursor + 2
                        // Only backwards: so it cannot go round in circles.
                        if (target >= cursor) throw Malformed()
                        cursor = target
                    }
                    length and 0xc0 != 0 -> throw Malformed()
                    else -> {
                        if (labels.isNotEmpty()) labels.append('.')
                        for (index in cursor + 1..cursor + length) labels.append(character(at(index)))
                        if (labels.length > MAX_NAME) throw Malformed()
                        cursor += length + 1
                    }
                }
            }
        }

        /** Host names are letters, digits, hyphens; underscores are tolerated. A dot within a label is none of them. */
        private fun character(byte: Int): Char {
            val char = byte.toChar()
            if (char in 'a'..'z' || char in 'A'..'Z' || char in '0'..'9' || char == '-' || char == '_') return char
            throw Malformed()
        }

        private fun short(): Int = (at(position) shl 8 or at(position + 1)).also { position += 2 }

        private fun skip(count: Int) {
            position += count
            if (position > bytes.size) throw Malformed()
        }

        private fun at(index: Int): Int = if (index in bytes.indices) bytes[index].toInt() and 0xff else throw Malformed()
    }
}
