namespace Ptoy.Node.Transport;

/// <summary>Pauses between dials: doubling from least to most, each between half and all of that, so that restarted nodes do not dial in step.</summary>
internal sealed class Backoff(TimeSpan least, TimeSpan most)
{
    private int _doublings;

    public TimeSpan Next()
    {
        TimeSpan pause = least * (1 << _doublings);
        if (pause < most && _doublings < 20) _doublings++;
        return (pause < most ? pause : most) * (0.5 + (Random.Shared.NextDouble() / 2));
    }

    public void Reset() => _doublings = 0;
}
