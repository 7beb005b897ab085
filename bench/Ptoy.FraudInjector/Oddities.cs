namespace Ptoy.FraudInjector;

/// <summary>Honest things that look like fraud.</summary>
internal sealed class Oddities(Dice dice, Year year, Practice practice, WorldMaker world)
{
    public void Happen()
    {
        CorrectedClaims();
        RepeatedOnTheSameDay();
        SeparateParts();
        TwinsTogether();
        MovedHouses();
        WrongCharts();
        Consultations();
        Boards();
        QualityReviews();
        ClockErrors();
        Enrolment();
        NothingAfterDeath();
    }

    private IEnumerable<Bill> Some(double share) => year.Bills.ToArray().Where(_ => dice.Chance(share));

    /// <summary>Most corrections name the claim they replace; some do not, as in life.</summary>
    private void CorrectedClaims()
    {
        foreach (Bill bill in Some(0.02))
        {
            Line[] lines = [.. bill.Lines];
            int changed = dice.Below(lines.Length);
            lines[changed] = dice.Chance(0.5) ? lines[changed] with { Price = Math.Round(lines[changed].Price * (0.7 + (0.5 * dice.Unit())), 2) } : lines[changed] with { Modifier = "25" };
            year.Bills.Add(bill with
            {
                Id = dice.Id(), Created = bill.Created.AddDays(dice.Between(3, 45)), Lines = lines, Replaces = dice.Chance(0.985) ? bill.Id : null,
            });
        }
    }

    /// <summary>Both knees, or the same test again because the first was lost: the modifier says so, nearly always.</summary>
    private void RepeatedOnTheSameDay()
    {
        foreach (Bill bill in Some(0.012))
        {
            string modifier = dice.Chance(0.96) ? dice.Pick<string>(["76", "77", "50", "91"]) : "";
            int hours = dice.Between(1, 5);
            year.Bills.Add(bill with
            {
                Id = dice.Id(), From = bill.From.AddHours(hours), To = bill.To.AddHours(hours), Created = bill.Created.AddMinutes(dice.Below(90)),
                Lines = [.. bill.Lines.Take(1).Select(l => l with { Modifier = modifier })],
            });
        }
    }

    /// <summary>A part of a bundle that was really done by itself is marked with a modifier, nearly always.</summary>
    private void SeparateParts()
    {
        foreach (Bill bill in Some(0.03))
        {
            foreach ((string whole, string[] parts) in Catalogue.Bundles)
            {
                if (bill.Lines.All(l => l.Code != whole) || !dice.Chance(0.4)) continue;
                string modifier = dice.Chance(0.95) ? dice.Pick<string>(["59", "XU", "XS"]) : "";
                year.Bills.Remove(bill);
                year.Bills.Add(bill with { Lines = [.. bill.Lines, Practice.Line(dice.Pick(parts), bill.Site.Hospital, modifier)] });
                break;
            }
        }
    }

    private void TwinsTogether()
    {
        foreach ((Person first, Person second) in world.Twins)
        {
            for (int i = 0; i < 2; i++)
            {
                Worker doctor = first.Doctor;
                DateTime time = practice.Hour(Year.Start.AddDays(dice.Below(300)), doctor);
                practice.Visit(first, doctor, time, 15, ["99213", "87880"]);
                practice.Visit(second, doctor, time.AddMinutes(dice.Below(16)), 15, ["99213", "87880"]);
            }
        }
    }

    /// <summary>New town, new hospital, often a new telephone in the same weeks.</summary>
    private void MovedHouses()
    {
        foreach (Person person in year.People)
        {
            DateTime when = Year.Start.AddDays(dice.Between(20, Year.Days - 40)).AddHours(dice.Between(8, 20));
            bool moves = dice.Chance(0.02), newDevice = dice.Chance(0.2);
            if (newDevice || (moves && dice.Chance(0.15))) year.Changes.Add(new Change(dice.Id(), person, when, true, null));
            if (!moves) continue;
            Hospital to = dice.Pick(year.Hospitals);
            DateTime bound = when.AddDays(dice.Between(-20, 60)).AddHours(dice.Between(-4, 4));
            year.Changes.Add(new Change(dice.Id(), person, bound, false, to));
            Worker doctor = dice.Pick(to.In(Catalogue.Primary));
            DateTime visit = bound.Date.AddDays(dice.Between(1, 25)).AddHours(10);
            if (visit < Year.End && person.Died is null) practice.Visit(person, doctor, visit, 25, ["99204"]);
        }
        foreach (Person person in year.People.Where(p => p.Joined > Year.Start.AddDays(-30)))
            year.Changes.Add(new Change(dice.Id(), person, person.Joined, false, person.Hospital));
    }

    /// <summary>A namesake's chart is opened, closed, and the right one opened.</summary>
    private void WrongCharts()
    {
        ILookup<string, Person> byName = year.People.ToLookup(p => p.Family + p.Hospital.Id);
        foreach (Look look in year.Looks.ToArray())
        {
            if (!dice.Chance(0.0008)) continue;
            Person[] namesakes = [.. byName[look.Person.Family + look.Person.Hospital.Id].Where(p => p != look.Person)];
            if (namesakes.Length > 0) year.Looks.Add(look with { Id = dice.Id(), Person = dice.Pick(namesakes), Time = look.Time.AddSeconds(-dice.Between(15, 80)) });
        }
    }

    /// <summary>A colleague asks on the telephone: a reason, but one that no record tells.</summary>
    private void Consultations()
    {
        int count = year.Looks.Count / 900;
        for (int i = 0; i < count; i++)
        {
            Look look = dice.Pick(year.Looks);
            Worker other = dice.Pick(look.Person.Hospital.Staff.Where(w => w.Department is not (Catalogue.Billing or Catalogue.Desk or Catalogue.Quality)).ToArray());
            practice.Look(other, look.Person, look.Time.AddHours(dice.Between(1, 40)));
        }
    }

    /// <summary>Tumour boards: many people of several departments open the same record in an hour.</summary>
    private void Boards()
    {
        foreach (Hospital hospital in year.Hospitals)
        {
            for (int week = 1; week < 52; week += 4)
            {
                DateTime time = Year.Start.AddDays((week * 7) + 2).AddHours(13);
                Person[] patients = [.. year.Meetings.Where(m => m.Site.Hospital == hospital && m.From < time && m.From > time.AddDays(-20)).Select(m => m.Person).Distinct().Take(2)];
                foreach (Person person in patients)
                {
                    foreach (string department in new[] { Catalogue.Oncology, Catalogue.Surgery, Catalogue.Radiology })
                    {
                        Worker member = hospital.In(department)[0];
                        year.Bonds.Add(new Bond(dice.Id(), "CareTeam", person, dice.Chance(0.9) ? member.Id : null, hospital.Id, department, time.AddDays(-2), time.AddDays(5)));
                        practice.Look(member, person, time.AddMinutes(dice.Below(60)));
                    }
                }
            }
        }
    }

    /// <summary>A quality officer reads many records in a day, twice a quarter.</summary>
    private void QualityReviews()
    {
        foreach (Hospital hospital in year.Hospitals)
        {
            Worker officer = hospital.In(Catalogue.Quality)[0];
            for (int quarter = 0; quarter < 8; quarter++)
            {
                DateTime day = Year.Start.AddDays((quarter * 45) + dice.Between(3, 40));
                foreach (Meeting seen in year.Meetings.Where(m => m.Site.Hospital == hospital && m.From < day && m.From > day.AddDays(-60)).Take(dice.Between(15, 45)).ToArray())
                    practice.Look(officer, seen.Person, day.AddHours(9).AddMinutes(dice.Below(400)), "HQUALIMP");
            }
        }
    }

    /// <summary>Visits are typed in late or with a wrong hour, so that a doctor seems to be in two places by minutes.</summary>
    private void ClockErrors()
    {
        for (int i = 0; i < year.Bills.Count; i++)
        {
            if (!dice.Chance(0.01)) continue;
            int minutes = dice.Between(-60, 60);
            year.Bills[i] = year.Bills[i] with { From = year.Bills[i].From.AddMinutes(minutes), To = year.Bills[i].To.AddMinutes(minutes) };
        }
    }

    /// <summary>A shelter's or home's office telephone stands in several people's records; they live at one address.</summary>
    private void Enrolment()
    {
        for (int i = 0; i < 3; i++)
        {
            Household home = world.NewHome(dice.Below(year.Hospitals.Count));
            string phone = world.NewPhone();
            int people = dice.Between(4, 9);
            for (int p = 0; p < people; p++)
            {
                Person person = world.NewPerson(home, dice.Pick(Catalogue.Families), phone, dice.Between(20, 90));
                practice.Visit(person, person.Doctor, Year.Start.AddDays(dice.Below(300)).AddHours(11), 20, ["99213"]);
            }
        }
        // Honest: grown children manage their parents' accounts from another address.
        foreach (Person person in year.People.ToArray())
        {
            if (dice.Chance(0.012)) person.Phone = dice.Pick(year.People).Phone;
        }
    }

    /// <summary>What an oddity gave to somebody who had died by then is taken back; examinations after death and late looks stay.</summary>
    private void NothingAfterDeath()
    {
        static bool Late(Person person, DateTime time) => person.Died is { } died && time > died;
        year.Meetings.RemoveAll(m => Late(m.Person, m.From));
        year.Bills.RemoveAll(b => Late(b.Person, b.From) && b.Lines.All(l => l.Code != "88027"));
        year.Scripts.RemoveAll(s => Late(s.Person, s.Time));
        year.Changes.RemoveAll(c => Late(c.Person, c.Time));
    }
}
