using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Ptoy.Load.Workloads;
using Ptoy.Protocol;

namespace Ptoy.Load.Network;

/// <summary>Writes batches of JSON-RPC calls before a run, and reads answers and notices without making objects of them.</summary>
internal static class RpcMessages
{
    /// <summary>A batch of <c>tx_submit</c> whose ids are item numbers.</summary>
    public static byte[] Submit(IReadOnlyList<Prepared> transactions, int first)
    {
        var message = new ArrayBufferWriter<byte>();
        for (int i = 0; i < transactions.Count; i++)
        {
            byte[] transaction = transactions[i].Bytes;
            Head(message, i, first, "tx_submit");
            message.Write("{\"tx\":\""u8);
            int room = System.Buffers.Text.Base64.GetMaxEncodedToUtf8Length(transaction.Length);
            System.Buffers.Text.Base64.EncodeToUtf8(transaction, message.GetSpan(room), out _, out int written);
            message.Advance(written);
            message.Write("\"}}"u8);
        }
        message.Write("]"u8);
        return message.WrittenSpan.ToArray();
    }

    /// <summary>A batch of calls of one method whose ids are item numbers.</summary>
    public static byte[] Calls(string method, IReadOnlyList<object> parameters, int first)
    {
        var message = new ArrayBufferWriter<byte>();
        for (int i = 0; i < parameters.Count; i++)
        {
            Head(message, i, first, method);
            message.Write(JsonSerializer.SerializeToUtf8Bytes(parameters[i]));
            message.Write("}"u8);
        }
        message.Write("]"u8);
        return message.WrittenSpan.ToArray();
    }

    /// <summary>The id of the first answer of a batch.</summary>
    public static int FirstId(ReadOnlySpan<byte> answers)
    {
        int at = answers.IndexOf("\"id\":"u8);
        return at >= 0 && System.Buffers.Text.Utf8Parser.TryParse(answers[(at + 5)..], out int id, out _) ? id : -1;
    }

    /// <summary>Calls <paramref name="each"/> with the id of every answer of a batch and its error, or null.</summary>
    public static void Answers(ReadOnlySpan<byte> answers, Action<int, (int Code, string Message)?> each)
    {
        var reader = new Utf8JsonReader(answers);
        (int id, int code, string? message) = (-1, 0, null);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.StartObject && reader.CurrentDepth == 1) (id, code, message) = (-1, 0, null);
            if (reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == 1) each(id, message is null ? null : (code, message));
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            if (reader.CurrentDepth == 2 && reader.ValueTextEquals("id"u8)) id = Number(ref reader);
            else if (reader.CurrentDepth == 2 && reader.ValueTextEquals("result"u8)) reader.Skip();
            else if (reader.CurrentDepth == 3 && reader.ValueTextEquals("code"u8)) code = Number(ref reader);
            else if (reader.CurrentDepth == 3 && reader.ValueTextEquals("message"u8) && reader.Read()) message = reader.GetString();
        }
    }

    /// <summary>Calls <paramref name="each"/> with the height and every transaction of a notice of a certified block.</summary>
    public static void Block(ReadOnlySpan<byte> notice, Action<ulong, Hash> each)
    {
        Span<byte> bytes = stackalloc byte[Hash.Size];
        ulong height = 0;
        var reader = new Utf8JsonReader(notice);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            if (reader.ValueTextEquals("height"u8) && reader.Read()) height = reader.GetUInt64();
            if (reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals("transactions"u8)) continue;
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.String)
            {
                if (Convert.FromHexString(reader.ValueSpan, bytes, out _, out int written) == OperationStatus.Done && written == Hash.Size)
                    each(height, new Hash(bytes));
            }
            return;
        }
    }

    private static int Number(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType == JsonTokenType.Number ? reader.GetInt32() : -1;

    private static void Head(ArrayBufferWriter<byte> message, int index, int first, string method)
    {
        message.Write(index == 0 ? "["u8 : ","u8);
        message.Write("{\"jsonrpc\":\"2.0\",\"id\":"u8);
        (first + index).TryFormat(message.GetSpan(20), out int digits, default, CultureInfo.InvariantCulture);
        message.Advance(digits);
        message.Write(",\"method\":\""u8);
        message.Write(System.Text.Encoding.ASCII.GetBytes(method));
        message.Write("\",\"params\":"u8);
    }
}
