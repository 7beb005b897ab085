using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;

namespace Ptoy.Services.Connector;

/// <summary>Gets matching tokens from the key authority for patients who have none, and keeps them here.</summary>
internal sealed class TokenPublisher(ConnectorState state, AuthorityClient authority, AccountKeys organisation)
{
    private const int Batch = 200;

    public async Task PublishAsync(CancellationToken cancellation)
    {
        PatientSeen[] without = [.. state.Patients.Values.Where(p => p is { HasTokens: false, Seen: not null, MergedInto: null }).Select(p => p.Seen!)];
        foreach (PatientSeen[] batch in without.Chunk(Batch))
        {
            // Lines are named by number: the authority need not know the hospital's ids.
            TokenPerson[] people = [.. batch.Select((p, i) => new TokenPerson($"{i}", p.Names, p.Phones, p.BirthDate))];
            TokenAnswer answer = await authority.TokensAsync(organisation.Signing, new TokenRequest(people), cancellation);
            for (int i = 0; i < batch.Length; i++)
            {
                // Demographics that changed while the authority answered get tokens of their own next time.
                if (!batch[i].Agrees(state.Patients[batch[i].PatientId].Seen)) continue;
                state.Record(new TokensKept(batch[i].PatientId, [.. answer.People[i].Tokens.Select(t => new MatchTokenText(t.Rule, t.Value))]));
            }
        }
    }
}
