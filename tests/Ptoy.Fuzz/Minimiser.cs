namespace Ptoy.Fuzz;

/// <summary>Takes away from an input what it does not need: halves, quarters, … down to single bytes, while it still does the same.</summary>
internal static class Minimiser
{
    private const int MaxAttempts = 2_000;

    public static byte[] Shrink(byte[] input, Func<byte[], bool> still)
    {
        byte[] smallest = input;
        int attempts = 0;
        for (int piece = Math.Max(1, input.Length / 2); attempts < MaxAttempts; piece /= 2)
        {
            for (int at = 0; at < smallest.Length && attempts < MaxAttempts;)
            {
                byte[] without = [.. smallest[..at], .. smallest[Math.Min(smallest.Length, at + piece)..]];
                attempts++;
                if (still(without)) smallest = without;
                else at += piece;
            }
            if (piece == 1) break;
        }
        return smallest;
    }
}
