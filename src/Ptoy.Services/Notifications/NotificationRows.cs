using System.Text.Json;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Common;

namespace Ptoy.Services.Notifications;

/// <summary>What is kept of a person: preferences, a code under way, and the next sequence number.</summary>
internal sealed record PersonRow(NotificationPreferences Preferences, bool EmailConfirmed, Matching.OneTimeCode? Code, long Next);

/// <summary>A notice in a person's inbox.</summary>
internal sealed record NoticeRow(long Sequence, string Key, NoticeKind Kind, string Reference, string? By, long TimeMs, bool Urgent);

/// <summary>A delivery that is due.</summary>
internal sealed record DeliveryRow(string Channel, long Sequence, int Attempts, long DueMs);

/// <summary>A person's rows: all in the person's partition, so that who ends it leaves nothing.</summary>
internal sealed class NotificationRows(SealedStore store)
{
    private const string Person = "person";

    public IEnumerable<Address> People => store.Owners.Where(o => Address.TryParse(o, out _)).Select(Address.Parse);

    public int Count => store.Owners.Count;

    public bool Has(Address person) => store.HasPartition(person.ToString());

    public PersonRow? Find(Address person) =>
        Has(person) && Of(person).Table("person").Get(Person) is { } row ? JsonSerializer.Deserialize<PersonRow>(row, RpcJson.Options) : null;

    public void Put(Address person, PersonRow row) => Of(person).Table("person").Put(Person, Json(row));

    public void End(Address person) => store.Destroy(person.ToString());

    public bool Seen(Address person, string key) => Of(person).Table("seen").Has(key);

    /// <summary>Adds a notice with its deliveries, at once; the oldest beyond the bound goes, with its key.</summary>
    public void Add(Address person, PersonRow row, NoticeRow notice, IReadOnlyList<DeliveryRow> deliveries, int maxInbox)
    {
        SealedStore of = Of(person);
        SealedTable inbox = of.Table("inbox", ordered: true), seen = of.Table("seen"), waiting = of.Table("waiting", ordered: true), people = of.Table("person");
        NoticeRow? old = notice.Sequence > maxInbox && inbox.Get(Place(notice.Sequence - maxInbox)) is { } bytes ? JsonSerializer.Deserialize<NoticeRow>(bytes, RpcJson.Options) : null;
        store.Write(batch =>
        {
            batch.Put(people, Person, Json(row));
            batch.Put(inbox, Place(notice.Sequence), Json(notice));
            batch.Put(seen, notice.Key, []);
            foreach (DeliveryRow delivery in deliveries) batch.Put(waiting, Place(delivery), Json(delivery));
            if (old is null) return;
            batch.Delete(inbox, Place(old.Sequence));
            batch.Delete(seen, old.Key);
        });
    }

    public IReadOnlyList<NoticeRow> Inbox(Address person, long after, int most)
    {
        if (!Has(person)) return [];
        return [.. Of(person).Table("inbox", ordered: true).Scan().Select(r => Read<NoticeRow>(r.Value)).Where(n => n.Sequence > after).Take(most)];
    }

    public NoticeRow? Notice(Address person, long sequence) => Of(person).Table("inbox", ordered: true).Get(Place(sequence)) is { } row ? Read<NoticeRow>(row) : null;

    public IReadOnlyList<DeliveryRow> Waiting(Address person) => Has(person) ? [.. Of(person).Table("waiting", ordered: true).Scan().Select(r => Read<DeliveryRow>(r.Value))] : [];

    public void Delivered(Address person, IEnumerable<DeliveryRow> done)
    {
        SealedTable waiting = Of(person).Table("waiting", ordered: true);
        store.Write(batch => { foreach (DeliveryRow delivery in done) batch.Delete(waiting, Place(delivery)); });
    }

    /// <summary>Puts deliveries off, and those that were tried often enough among the dead letters.</summary>
    public void Failed(Address person, IReadOnlyList<DeliveryRow> later, IReadOnlyList<DeadLetter> dead)
    {
        SealedTable waiting = Of(person).Table("waiting", ordered: true), letters = Of(person).Table("dead", ordered: true);
        store.Write(batch =>
        {
            foreach (DeliveryRow delivery in later) batch.Put(waiting, Place(delivery), Json(delivery));
            foreach (DeadLetter letter in dead)
            {
                batch.Delete(waiting, $"{letter.Channel}/{Place(letter.Sequence)}");
                batch.Put(letters, $"{letter.Channel}/{Place(letter.Sequence)}", Json(letter));
            }
        });
    }

    public IEnumerable<DeadLetter> Dead(Address person) => Of(person).Table("dead", ordered: true).Scan().Select(r => Read<DeadLetter>(r.Value));

    // Sequence numbers and channels say nothing about anybody: they may be on the disk as they are.
    private static string Place(long sequence) => $"{sequence:d20}";

    private static string Place(DeliveryRow delivery) => $"{delivery.Channel}/{Place(delivery.Sequence)}";

    private SealedStore Of(Address person) => store.Partition(person.ToString());

    private static byte[] Json<T>(T row) => JsonSerializer.SerializeToUtf8Bytes(row, RpcJson.Options);

    private static T Read<T>(byte[] row) => JsonSerializer.Deserialize<T>(row, RpcJson.Options)!;
}
